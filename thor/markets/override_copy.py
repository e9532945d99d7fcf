"""Keep the last good content of the file of overrides, so that a process which starts while it is bad has it too.

The copy lies in `THOR_VAR_DIR`, under a name that is made from the path of the file: another file has another copy.
"""

import hashlib
import logging
from datetime import UTC, datetime
from pathlib import Path

from thor.env import env
from thor.markets.build import replace_file

log = logging.getLogger(__name__)


def keep(path: Path, text: str) -> None:
    """Keep the content that was just taken over, unless it is there already; without room for it work goes on."""
    copy, content = _copy_of(path), text.encode()
    try:
        if not copy.is_file() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            replace_file(copy, content)
    except OSError as error:
        log.warning("thor.market.overrides_not_kept: %s cannot be written (%s).", copy, error.strerror)


def kept(path: Path) -> tuple[str, datetime] | None:
    """Return the content that was kept of this file, and when it was first taken over; None where there is none."""
    copy = _copy_of(path)
    try:
        return copy.read_text(encoding="utf-8"), datetime.fromtimestamp(copy.stat().st_mtime, UTC)
    except (OSError, UnicodeDecodeError):
        return None


def _copy_of(path: Path) -> Path:
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return env().var_dir / "sessions" / f"overrides-{digest}.yaml"
