"""Learn from finished trades after the close, once a session, and promote what is better than the rules alone."""

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from thor.env import env
from thor.trading.boundary import recorded
from thor.trading.imported import already_ran
from thor.trading.learning.active import readable
from thor.trading.learning.examples import collect_examples, known_examples
from thor.trading.learning.fingerprint import fingerprint
from thor.trading.learning.training import CannotTrain, Training, is_available, train, why_not_train
from thor.trading.models import Example, LearnedModel, LearningRun
from thor.trading.protection import watch_degradation
from thor.trading.records.printing import told
from thor.trading.wordings import offline_ml_begun

logger = logging.getLogger("thor.trading")

#: Outcomes of runs that have seen their examples: the same ones are not trained on again.
LEARNED: Final = ("trained", "promoted")
LONGEST_REASON: Final = 300
#: What a numeric library may raise. What ends a run from outside, such as its time limit, is not among it.
NUMERIC_TROUBLES: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def learn_from_trades(*, run: UUID, at: datetime, session_date: date | None = None) -> dict[str, Any]:
    """Train on the trades finished until `at`, and watch whether entries degrade; return what came of both.

    A second attempt of a run returns what the first has written down, and trains nothing.
    """
    if already_ran("offline_ml", session_date, at):
        return {"skipped": "the scheduler of old has done it"}
    logger.info(offline_ml_begun())
    learned = LearningRun.objects.filter(run=run).first() or _learn(run, at, session_date)
    told = {"outcome": learned.outcome, "reason": learned.reason, "model": learned.model_id, "rows": learned.examples}
    logger.info("thor.trading.learned outcome=%s model=%s %s", learned.outcome, learned.model_id, learned.reason)
    with recorded(at):
        return {**told, "protection": watch_degradation(run=run, at=at)}


def _learn(run: UUID, at: datetime, session_date: date | None) -> LearningRun:
    collect_examples(at=at)
    rows = known_examples(at=at)
    attempt = LearningRun(run=run, at=at, session_date=session_date, fingerprint=fingerprint(rows), examples=len(rows))
    if reason := _why_skip(rows, attempt.fingerprint):
        return _note(attempt, "skipped", "; ".join(filter(None, (reason, readable()))))
    try:
        training = train(rows)
    except CannotTrain as error:
        return _note(attempt, "skipped", str(error))
    except NUMERIC_TROUBLES as error:  # the rules go on without a new model
        logger.exception("thor.trading.training_failed")
        return _note(attempt, "failed", f"{type(error).__name__}: {error}")
    return _keep(attempt, training)


def _why_skip(rows: Sequence[Example], found: str) -> str:
    """Return why nothing is trained now; nothing where it is."""
    if env().is_live:
        return "real money is traded: models are trained on paper, and only used here"
    if not rows:
        return "there are no finished trades"
    last = LearningRun.objects.filter(outcome__in=LEARNED).order_by("-at", "-pk").first()
    # Where the model that counts has become unreadable, the same trades may give one that takes its place.
    if last is not None and last.fingerprint == found and not readable():
        return f"the {len(rows)} finished trades are those of {told(last.at)}"
    if reason := why_not_train(rows):
        return reason
    return "" if is_available() else "scikit-learn is not installed; install it to train models"


@transaction.atomic
def _keep(attempt: LearningRun, training: Training) -> LearningRun:
    """Keep a model, let it count if it is better, and write down the run: all of it or nothing."""
    reason = training.comparison.why_not_promoted()
    name = attempt.at.astimezone(UTC).strftime("%Y%m%d_%H%M%S")
    if not reason:
        # One statement ends the old model's time and the next begins the new one's; nobody sees what is in between.
        LearnedModel.objects.filter(is_active=True).update(is_active=False)
    attempt.model = LearnedModel.objects.create(
        name=name,
        trained_at=attempt.at,
        fingerprint=attempt.fingerprint,
        content=training.model.content(),
        metrics={**training.metrics(), "promoted": not reason},
        promoted_at=None if reason else attempt.at,
        is_active=not reason,
    )
    return _note(attempt, "trained" if reason else "promoted", f"not promoted: {reason}" if reason else "")


def _note(attempt: LearningRun, outcome: str, reason: str) -> LearningRun:
    attempt.outcome, attempt.reason = outcome, reason[:LONGEST_REASON]
    attempt.save(force_insert=True)
    return attempt
