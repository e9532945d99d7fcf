"""What the documents claim is so."""

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from thor.operations.handbook import stale_pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_pages_written_from_the_code_are_fresh() -> None:
    assert stale_pages() == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_that_pages_name_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z-]+)`", page.read_text())) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_that_pages_name_exist(page: Path) -> None:
    from thor.env import FOREIGN_NAMES, variables

    known = {name for name, *_ in variables()} | FOREIGN_NAMES
    named = set(re.findall(r"\b(THOR_[A-Z_]*[A-Z])\b", page.read_text()))

    assert named - known == set()


def dependencies() -> set[str]:
    """Return the names of everything that is installed, with every extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {re.split(r"[\[<>=~; ]", one)[0].lower().replace("_", "-") for one in wanted}


def test_every_dependency_has_its_line() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "dependencies.md").read_text().lower(), re.MULTILINE)
    listed = {re.sub(r"\[.*\]", "", name).replace("_", "-") for row in rows for name in row.split(", ")}

    assert dependencies() - listed == set()


def test_every_dependency_has_an_exact_version() -> None:
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }

    assert dependencies() - pinned == set()


def test_the_rooms_know_only_the_rooms_below_them() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout


def test_no_module_but_the_clock_reads_the_wall() -> None:
    pattern = re.compile(r"datetime\.now\(|utcnow\(|timezone\.now\(|[^_]time\.time\(")
    files = [*ROOT.glob("thor/**/*.py"), *ROOT.glob("tasks/**/*.py")]

    found = [path for path in files if pattern.search(path.read_text()) and path.name != "clock.py"]

    assert [str(path.relative_to(ROOT)) for path in found] == []


def test_migrations_are_complete() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
