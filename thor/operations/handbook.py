"""The pages of the documentation that are written from the code, so that they cannot disagree with it."""

from collections.abc import Callable, Iterable
from pathlib import Path

from thor.env import BASE_DIR, variables
from thor.jobs.registry import specs
from thor.jobs.spec import JobSpec

DOCS = BASE_DIR / "docs"


def jobs_page() -> str:
    """Return the table of jobs: what each does, how often, where and with which policies."""
    head = ("job", "what it does", "cadence", "also at", "markets", "window", "catch-up", "overlap", "queue", "limit")
    return _page(
        "Jobs",
        "Every job that is declared in `tasks/`, with the defaults that its file declares. The admin shows and edits "
        "what is in force. `manage.py handbook` writes this page.",
        head,
        (_job(spec) for spec in sorted(specs().values(), key=lambda spec: spec.name)),
    )


def configuration_page() -> str:
    """Return the table of environment variables."""
    return _page(
        "Configuration",
        "Thor is configured by environment variables alone; a file `.env` in the project's root is read where present. "
        "A name that begins with `THOR_` and is not in this list is refused at start. `manage.py handbook` writes this "
        "page.",
        ("variable", "default", "range", "meaning"),
        ((f"`{name}`", default, limits, text) for name, default, limits, text in variables()),
    )


PAGES: dict[str, Callable[[], str]] = {"jobs.md": jobs_page, "configuration.md": configuration_page}


def write_pages(folder: Path = DOCS) -> list[Path]:
    """Write every page that is not up to date; return those that were not."""
    stale = stale_pages(folder)
    for path in stale:
        path.write_text(PAGES[path.name](), encoding="utf-8")
    return stale


def stale_pages(folder: Path = DOCS) -> list[Path]:
    """Return the pages that differ from what the code says now."""
    return [
        folder / name
        for name, page in PAGES.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != page()
    ]


def _job(spec: JobSpec) -> tuple[str, ...]:
    markets = spec.where or (spec.markets if isinstance(spec.markets, str) else ", ".join(spec.markets or ()))
    return (
        f"`{spec.name}`",
        spec.summary,
        spec.cadence.text(),
        ", ".join(sorted(spec.also_at)),
        markets,
        spec.window.text(),
        type(spec.catch_up).__name__,
        spec.overlap.value,
        spec.queue,
        f"{spec.time_limit.total_seconds():g} s",
    )


def _page(title: str, text: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [_row(head), _row("---" for _ in head), *map(_row, rows)]
    return f"# {title}\n\n{text}\n\n" + "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
