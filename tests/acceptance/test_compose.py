"""The containers: what the file promises, and a whole installation started with it on a real engine.

The second part needs an engine. One that runs already is used, if it holds the base images or can fetch them. With
THOR_REQUIRE_DOCKER=1 an engine is started where none runs, stand-ins are made for base images that cannot be fetched,
and nothing is skipped.
"""

import base64
import http.client
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ports import free_port

from .compose import images
from .compose.engine import CommandFailed, Compose, Engine, compose_command

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
SECRETS = ("POSTGRES_PASSWORD", "THOR_SECRET_KEY", "FLOWER_BASIC_AUTH")
BEATS = ("beat", "beat-standby")
PROCESSES = {"web", "feed", *BEATS, "worker-market-data", "worker-trading", "flower"}
SERVERS = {"valkey", "postgres"}
ONE_BY_ONE = SERVERS | PROCESSES | {"migrate"}

REQUIRED = os.environ.get("THOR_REQUIRE_DOCKER") == "1"
PASSWORD = "only-for-this-test-7"


def services() -> dict[str, dict[str, Any]]:
    """Return the services as the file describes them."""
    return yaml.safe_load(FILE.read_text())["services"]


def cannot(reason: str) -> None:
    """Skip for the reason, or fail where an engine is demanded."""
    if REQUIRED:
        pytest.fail(f"THOR_REQUIRE_DOCKER=1, but {reason}")
    pytest.skip(reason)


class TestTheFile:
    """What can be said without an engine."""

    def test_it_holds_every_process_and_both_servers(self) -> None:
        assert set(services()) == ONE_BY_ONE

    @pytest.mark.parametrize("name", sorted(ONE_BY_ONE))
    def test_every_container_is_confined(self, name: str) -> None:
        service = services()[name]

        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")

    @pytest.mark.parametrize("name", sorted(SERVERS | PROCESSES))
    def test_every_service_tells_its_health(self, name: str) -> None:
        assert services()[name]["healthcheck"]["test"][0] == "CMD"

    @pytest.mark.parametrize("name", sorted(PROCESSES))
    def test_processes_wait_for_the_migration(self, name: str) -> None:
        assert services()[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}

    def test_ports_are_open_on_this_machine_alone(self) -> None:
        ports = [port for service in services().values() for port in service.get("ports", [])]

        assert len(ports) == 2
        assert all(port.startswith("127.0.0.1:") for port in ports)

    def test_no_image_runs_as_root(self) -> None:
        assert "\nUSER 10001:10001\n" in (ROOT / "Dockerfile").read_text()
        assert [services()[name]["user"] for name in ("valkey", "postgres")] == ["valkey", "postgres"]

    def test_the_image_leaves_secrets_and_data_outside(self) -> None:
        lines = (ROOT / ".dockerignore").read_text().splitlines()

        assert "*" in lines
        assert not {"!.env", "!var", "!.git"} & set(lines)

    def test_compose_finds_it_valid(self, variables: dict[str, str]) -> None:
        checked = Compose(FILE, "thor-check", variables)("config")

        assert set(yaml.safe_load(checked)["services"]) == ONE_BY_ONE

    @pytest.mark.parametrize("name", SECRETS)
    def test_a_secret_that_is_missing_is_named(self, variables: dict[str, str], name: str) -> None:
        with pytest.raises(CommandFailed, match=r"set it in \.env"):
            Compose(FILE, "thor-check", {**variables, name: ""})("config")


@pytest.fixture
def variables() -> dict[str, str]:
    """Return values for the secrets; skip where there is no Compose."""
    if not compose_command():
        cannot("there is neither 'docker compose' nor 'docker-compose' on this machine")
    return made_up_secrets()


def made_up_secrets() -> dict[str, str]:
    """Return secrets that nobody has used before."""
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "THOR_SECRET_KEY": secrets.token_hex(32),
        "FLOWER_BASIC_AUTH": f"watcher:{secrets.token_hex(8)}",
    }


class Installation:
    """The started containers, and what the tests ask of them."""

    def __init__(self, compose: Compose) -> None:
        self.compose = compose

    def query(self, statement: str) -> str:
        """Return what the database answers."""
        psql = ("psql", "--username=thor", "--dbname=thor", "--no-align", "--tuples-only", "--command", statement)
        return self.compose("exec", "-T", "postgres", *psql, timeout=60).strip()

    def succeeded(self) -> int:
        """Return how many runs have succeeded."""
        return int(self.query("SELECT count(*) FROM jobs_run WHERE state = 'succeeded'"))

    def more_runs(self, more: int = 5) -> bool:
        """Wait until more runs have succeeded than had when asked."""
        before = self.succeeded()
        return within(120, lambda: self.succeeded() >= before + more)

    def get(self, port: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Return status and text of a page as this machine sees it."""
        variable = {"web": "THOR_WEB_PORT", "flower": "THOR_FLOWER_PORT"}[port]
        connection = http.client.HTTPConnection("127.0.0.1", int(self.compose.variables[variable]), timeout=30)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def containers(self, service: str) -> list[str]:
        """Return the identities of the containers of a service."""
        return self.compose("ps", "-q", service).split()

    def inspect(self, container: str, template: str) -> str:
        """Return one thing that the engine knows about a container."""
        return self.compose.engine.docker("inspect", "--format", template, container).strip()

    def health(self) -> dict[str, str]:
        """Return how every service that runs all the time feels."""
        return {
            name: self.inspect(container, "{{.State.Health.Status}}")
            for name in sorted(SERVERS | PROCESSES)
            for container in self.containers(name)
        }


def within(seconds: float, question: Callable[[], bool]) -> bool:
    """Ask once a second until the answer is yes; return the last answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(1)
    return question()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Give the engine that runs, or one of our own where an engine is demanded, with the base images in it."""
    found = Engine.running()
    if not found and not REQUIRED:
        pytest.skip("no container engine runs here; THOR_REQUIRE_DOCKER=1 starts one (as root, with dockerd installed)")
    engine = found or Engine.start()
    try:
        provide_bases(engine)
        yield engine
    finally:
        engine.stop()


def provide_bases(engine: Engine) -> None:
    """See to it that the engine holds the base images."""
    ours = engine.process is not None
    missing = [name for name in images.BASES if not engine.has_image(name)]
    if ours or any(not engine.pulls(name) for name in missing):
        if not REQUIRED:
            pytest.skip(f"the engine can fetch no base image ({', '.join(missing)})")
        images.make_stand_ins(engine)


@pytest.fixture(scope="module")
def installation(engine: Engine) -> Iterator[Installation]:
    """Build the image, start everything, and take it all down again."""
    if not compose_command():
        cannot("there is neither 'docker compose' nor 'docker-compose' on this machine")
    ports = {"THOR_WEB_PORT": str(free_port()), "THOR_FLOWER_PORT": str(free_port())}
    compose = Compose(FILE, f"thor{secrets.token_hex(3)}", {**made_up_secrets(), **ports}, engine)
    try:
        compose("build")
        compose("up", "--detach")
        yield Installation(compose)
    finally:
        compose("down", "--volumes", "--timeout", "20")


@pytest.mark.slow
@pytest.mark.timeout(2400)
class TestTheInstallation:
    """What can be seen of a running installation, in this order."""

    def test_runs_appear_in_the_ledger(self, installation: Installation) -> None:
        assert within(180, lambda: installation.succeeded() > 5)

    def test_bars_reach_the_database(self, installation: Installation) -> None:
        assert within(240, lambda: int(installation.query("SELECT count(*) FROM marketdata_bar")) > 0)

    def test_every_service_feels_well(self, installation: Installation) -> None:
        assert within(180, lambda: set(installation.health().values()) == {"healthy"}), installation.health()

    def test_the_pages_answer(self, installation: Installation) -> None:
        health, checks = installation.get("web", "/healthz")
        login, page = installation.get("web", "/login/")

        assert (health, set(json.loads(checks).values())) == (200, {"ok"})
        assert login == 200
        assert "password" in page

    def test_a_first_user_can_be_made(self, installation: Installation) -> None:
        maker = ("createsuperuser", "--noinput", "--username=first", "--email=first@example.org")
        installation.compose(
            "exec", "-T", "-e", f"DJANGO_SUPERUSER_PASSWORD={PASSWORD}", "web", "python", "manage.py", *maker
        )

        assert installation.query("SELECT count(*) FROM auth_user WHERE is_superuser") == "1"

    def test_flower_asks_who_is_there(self, installation: Installation) -> None:
        watcher = base64.b64encode(installation.compose.variables["FLOWER_BASIC_AUTH"].encode()).decode()

        assert installation.get("flower", "/workers")[0] == 401
        assert installation.get("flower", "/workers", {"Authorization": f"Basic {watcher}"})[0] == 200

    @pytest.mark.parametrize("name", sorted(PROCESSES))
    def test_nothing_outside_the_folder_can_be_written(self, installation: Installation, name: str) -> None:
        for command in ("touch /app/trial", "touch /opt/thor/trial"):
            with pytest.raises(CommandFailed, match="Read-only file system"):
                installation.compose("exec", "-T", name, "sh", "-c", command)
        assert installation.compose("exec", "-T", name, "id", "-u").strip() == "10001"

    @pytest.mark.parametrize("name", BEATS)
    def test_one_beat_may_stop(self, installation: Installation, name: str) -> None:
        installation.compose("stop", name)

        assert installation.more_runs()

        installation.compose("start", name)

    def test_workers_for_market_data_can_be_scaled(self, installation: Installation) -> None:
        installation.compose("up", "--detach", "--no-recreate", "--scale", "worker-market-data=4")

        assert len(installation.containers("worker-market-data")) == 4
        assert within(120, lambda: self._hosts_at_work(installation) >= 3)

    def _hosts_at_work(self, installation: Installation) -> int:
        recent = "finished_at > now() - interval '60 seconds' AND queue = 'market_data'"
        return int(installation.query(f"SELECT count(DISTINCT hostname) FROM jobs_run WHERE {recent}"))

    def test_no_secret_is_logged(self, installation: Installation) -> None:
        logs = installation.compose("logs", "--no-color")

        values = [installation.compose.variables[name] for name in SECRETS]
        assert [value for value in values if value in logs or value.rpartition(":")[2] in logs] == []

    def test_no_run_failed(self, installation: Installation) -> None:
        failed = "SELECT name, state, error FROM jobs_run WHERE state IN ('failed', 'lost')"

        assert installation.query(failed) == ""
