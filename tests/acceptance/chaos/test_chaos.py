"""The short form of chaos, with a new seed each time; a failure names the seed that runs it again."""

import os
import random

import pytest

from tests.acceptance.chaos.run import chaos
from tests.postgres import programs


@pytest.mark.alone
@pytest.mark.database
@pytest.mark.timeout(900)
def test_nothing_runs_twice_early_or_is_forgotten_whatever_fails() -> None:
    seed = random.SystemRandom().randrange(10**6)
    on_postgres = bool(os.environ.get("DATABASE_URL"))
    if on_postgres and programs() is None:
        pytest.skip("the faults need a PostgreSQL of their own, and its programs are not installed here")

    # SQLite has one writer at a time: enough lines to disturb, few enough for it to keep up.
    outcome = chaos(seed, 4_500 if on_postgres else 900, on_postgres=on_postgres, entries=60 if on_postgres else 10)

    assert not outcome.findings, outcome.report()
    assert outcome.occurrences >= (5_000 if on_postgres else 700)
