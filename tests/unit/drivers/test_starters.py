"""Which processes start the stack by themselves: those that are recognised as web servers, and no other."""

import os
import sys

import pytest

from thor.drivers import starters

HERE = [
    ["/usr/bin/gunicorn", "thor.wsgi"],
    ["/opt/lib/gunicorn/__main__.py", "thor.wsgi"],
    ["/usr/bin/uvicorn", "thor.asgi:application"],
    ["/opt/lib/uvicorn/__main__.py", "thor.asgi:application"],
    ["daphne", "thor.asgi:application"],
    ["hypercorn", "thor.asgi"],
    ["granian", "thor.asgi"],
    ["uwsgi"],
    ["mod_wsgi"],
    ["manage.py", "runserver", "--noreload"],
    ["/opt/lib/django/__main__.py", "runserver", "8001", "--noreload"],
    ["django-admin", "runserver", "--noreload"],
]
NOT_HERE = [
    ["manage.py", "migrate"],
    ["manage.py", "makemigrations"],
    ["manage.py", "collectstatic"],
    ["manage.py", "shell"],
    ["manage.py", "createsuperuser"],
    ["manage.py", "test", "runserver"],
    ["manage.py", "run_supervisor"],
    ["manage.py", "run_heartbeat"],
    ["manage.py"],
    ["manage.py", "runserver"],
    ["/usr/bin/pytest", "runserver"],
    ["/opt/lib/pytest/__main__.py"],
    ["/usr/bin/celery", "-A", "thor", "worker"],
    ["/opt/lib/celery/__main__.py", "-A", "thor", "beat"],
    ["/home/somebody/gunicorn.d/report.py"],
    ["-c"],
    [""],
    [],
]


@pytest.mark.parametrize("argv", HERE, ids=" ".join)
def test_a_web_server_starts_it(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)

    assert starters.why_not_here() == ""


@pytest.mark.parametrize("argv", NOT_HERE, ids=" ".join)
def test_nothing_else_starts_it_and_the_reason_is_known(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.delenv("RUN_MAIN", raising=False)

    assert starters.why_not_here()


def test_the_autoreloaders_child_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", "runserver"])
    monkeypatch.setitem(os.environ, "RUN_MAIN", "true")

    assert starters.why_not_here() == ""
