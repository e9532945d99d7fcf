"""Step 8: what all findings together let the desk do."""

from collections.abc import Collection, Sequence

from thor.trading.models.desk import Readiness
from thor.trading.reconciling.finding import Finding, Level

#: What the worst finding makes of the account.
STATUSES = {
    Level.NOTE: Readiness.READY,
    Level.EXTERNAL: Readiness.READY,
    Level.WARNING: Readiness.SAFE_MODE,
    Level.BLOCKED: Readiness.EXIT_ONLY,
    Level.ERROR: Readiness.FAILED,
}


def judge(findings: Collection[Finding]) -> Readiness:
    """Return where the desk stands."""
    return STATUSES[max((one.level for one in findings), default=Level.NOTE)]


def sentences(findings: Sequence[Finding], *levels: Level) -> list[str]:
    """Return what was found at these levels."""
    return [one.text for one in findings if one.level in levels]
