"""Find a container engine or start one of our own, and speak to it."""

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60.0
#: The network that an engine makes at its first start, and leaves behind.
BRIDGE = "docker0"
#: The quick driver first; the slow one works on every file system.
STORAGE_DRIVERS = ("overlay2", "vfs")


def run(*command: str, env: dict[str, str] | None = None, timeout: float = 1800) -> str:
    """Run a command and return its output; when it fails, raise with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=timeout, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        raise CommandFailed(f"{' '.join(command)} ended with status {done.returncode}:\n{said}")
    return done.stdout


class CommandFailed(Exception):
    """A command ended with an error."""


class Network:
    """The machine's packet rules and bridge as they were before an engine changed them."""

    def __init__(self) -> None:
        self.rules = run("iptables-save") if shutil.which("iptables-save") else ""
        self.had_bridge = self._has_bridge()

    def restore(self) -> None:
        """Put back what was there."""
        if self.rules:
            subprocess.run(["iptables-restore"], input=self.rules, text=True, check=True)
        if not self.had_bridge and self._has_bridge():
            run("ip", "link", "delete", BRIDGE)

    def _has_bridge(self) -> bool:
        return Path("/sys/class/net", BRIDGE).exists()


@dataclass
class Engine:
    """An engine that answers: where it listens, and its process if it is ours."""

    host: str = ""
    process: "subprocess.Popen[bytes] | None" = None
    folder: Path | None = None
    network: "Network | None" = None
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.env = {**os.environ, **({"DOCKER_HOST": self.host} if self.host else {})}

    @classmethod
    def running(cls) -> "Engine | None":
        """Return the engine that runs on this machine or that DOCKER_HOST names, if one answers."""
        engine = cls()
        return engine if shutil.which("docker") and engine.answers() else None

    @classmethod
    def start(cls) -> "Engine":
        """Start an engine of our own; raise `CommandFailed` with the end of its log when it does not start."""
        for driver in STORAGE_DRIVERS:
            engine = cls._start_with(driver)
            if engine.wait():
                return engine
            log = (engine.log.read_text() if engine.log.exists() else "")[-2000:]
            engine.stop()
        raise CommandFailed(f"dockerd did not start:\n{log}")

    @classmethod
    def _start_with(cls, driver: str) -> "Engine":
        folder, network = Path(tempfile.mkdtemp(prefix="thor-engine-")), Network()
        host = f"unix://{folder}/docker.sock"
        command = ["dockerd", "--host", host, "--storage-driver", driver, "--pidfile", f"{folder}/docker.pid"]
        command += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        return cls(host, process, folder, network)

    @property
    def log(self) -> Path:
        """Return where our engine writes what it does."""
        assert self.folder
        return self.folder / "log"

    def answers(self) -> bool:
        """Tell whether the engine answers."""
        command = ["docker", "info", "--format", "{{.ServerVersion}}"]
        done = subprocess.run(command, capture_output=True, env=self.env, timeout=30, check=False)
        return done.returncode == 0

    def wait(self) -> bool:
        """Wait until our engine answers; return whether it does."""
        deadline = time.monotonic() + START_SECONDS
        while self.process and self.process.poll() is None and time.monotonic() < deadline:
            if self.answers():
                return True
            time.sleep(0.5)
        return False

    def stop(self) -> None:
        """Stop the engine if it is ours, delete what it kept, and put the machine's network back."""
        if not self.process or not self.folder or not self.network:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.network.restore()

    def pulls(self, name: str) -> bool:
        """Fetch an image from its registry; return whether that went well."""
        try:
            self.docker("pull", "--quiet", name)
        except CommandFailed:
            return False
        return True

    def docker(self, *arguments: str) -> str:
        """Run a command of the client against this engine and return its output."""
        return run("docker", *arguments, env=self.env)

    def has_image(self, name: str) -> bool:
        """Tell whether the engine holds the image."""
        return bool(self.docker("image", "ls", "--quiet", name).strip())

    def import_image(self, root: Path, name: str, *changes: str) -> None:
        """Make an image of a folder, with instructions as a Dockerfile has them."""
        archive = root.with_suffix(".tar")
        run("tar", "-C", str(root), "-cf", str(archive), ".")
        options = [part for change in changes for part in ("--change", change)]
        self.docker("import", *options, str(archive), name)


def compose_command() -> list[str]:
    """Return how Compose is called on this machine: the plugin, else the older program, else nothing."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30, check=False)
        if asked.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


@dataclass
class Compose:
    """One project of Compose: the file, the project's name and the environment that fills the file in."""

    file: Path
    project: str
    variables: dict[str, str]
    engine: Engine = field(default_factory=Engine)

    def __call__(self, *arguments: str, timeout: float = 1800) -> str:
        """Run a command of Compose and return its output."""
        command = [*compose_command(), "--file", str(self.file), "--project-name", self.project]
        return run(*command, *arguments, env={**self.engine.env, **self.variables}, timeout=timeout)
