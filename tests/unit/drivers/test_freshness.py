"""An override is to be in force within a second: what is believed, and the look of a leader, may not add up to more."""

from datetime import timedelta

from thor.drivers import lead
from thor.markets import registry


def test_what_is_believed_and_the_look_of_a_leader_keep_within_a_second() -> None:
    # A look may begin one of its periods late, where a turn has slept through it, and then waits for a quiet moment.
    longest = timedelta(seconds=registry.FRESH) + 2 * lead.LOOK + lead.PATIENCE

    assert longest < timedelta(seconds=1)
