"""The markets in the box, and what happens to an operator's edits."""

from decimal import Decimal

import pytest

from thor.markets.box import BOX, install_markets
from thor.markets.models import Market

pytestmark = pytest.mark.django_db


def test_a_new_database_has_nine_control_markets_and_three_venues():
    assert Market.objects.filter(role="control").count() == 9
    assert [row.key for row in Market.objects.filter(role="venue")] == ["globex", "us_equities", "crypto"]


def test_control_markets_are_listed_east_to_west_and_their_weights_add_up_to_one():
    control = Market.objects.filter(role="control")

    assert [row.key for row in control][:3] == ["japan", "china", "india"]
    assert sum(row.weight for row in control) == Decimal(1)


def test_an_edited_market_is_not_overwritten_by_the_next_migrate():
    Market.objects.filter(key="usa").update(weight=Decimal("0.5"), active=False)

    assert install_markets() == 0

    usa = Market.objects.get(key="usa")
    assert (usa.weight, usa.active) == (Decimal("0.5"), False)


def test_only_a_missing_market_is_installed_again():
    Market.objects.filter(key="crypto").delete()

    assert install_markets() == 1
    assert Market.objects.count() == len(BOX)
