"""All jobs of this installation, by name; and the decorator that declares one."""

import functools
from collections.abc import Callable
from typing import Any

from thor.env import env
from thor.errors import BadConfiguration
from thor.jobs.spec import BadJob, JobSpec, make_spec

_specs: dict[str, JobSpec] = {}

Body = Callable[..., Any]


def job(**declared: Any) -> Callable[[Body], Body]:
    """Declare the decorated function as the body of a job of the same name.

    The options are the fields of `JobSpec` and those that middleware declare; an unknown one is refused here, at
    import, with a suggestion. The body gets the `Occurrence`, and may take `**_` for what later versions add.
    """

    def declare(body: Body) -> Body:
        register(make_spec(body.__name__, body, _group(body), declared))
        return body

    return declare


def register(spec: JobSpec) -> None:
    """Add a job; a second one of the same name, from elsewhere, is refused."""
    known = _specs.get(spec.name)
    if known is not None and known.body.__module__ != spec.body.__module__:
        raise BadJob(
            f"two jobs are named {spec.name!r}, in {known.body.__module__} and {spec.body.__module__}; rename one."
        )
    _specs[spec.name] = spec
    _register_task(spec)


def specs() -> dict[str, JobSpec]:
    """Return every declared job by name, in the order of declaration."""
    return dict(_specs)


def owned() -> dict[str, JobSpec]:
    """Return the jobs that THOR_JOBS gives to this installation."""
    wanted = {part.strip() for part in env().jobs.split(",") if part.strip()}
    known = set(_specs) | {spec.group for spec in _specs.values()} | {"all", "none"}
    for name in sorted(wanted - known):
        raise BadConfiguration(f"THOR_JOBS names {name!r}, which is no job and no group of {', '.join(sorted(known))}.")
    if "all" in wanted:
        return specs()
    return {name: spec for name, spec in _specs.items() if name in wanted or spec.group in wanted}


def route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
    """Return where Celery sends a job that is called by hand; nothing about tasks that are no jobs."""
    spec = _specs.get(name)
    return None if spec is None else {"queue": spec.queue}


def _group(body: Body) -> str:
    parts = body.__module__.split(".")
    return parts[-2] if len(parts) > 1 else parts[0]


def _register_task(spec: JobSpec) -> None:
    from thor import celery  # here, since the application's task class is in this package

    @functools.wraps(spec.body)
    def body(*args: Any, **kwargs: Any) -> Any:
        return spec.body(*args, **kwargs)

    seconds = spec.time_limit.total_seconds()
    application: Any = celery.app  # the stubs know no plain call with options
    application.task(
        body,
        name=spec.name,
        typing=False,
        soft_time_limit=seconds,
        time_limit=seconds + 10,
    )
