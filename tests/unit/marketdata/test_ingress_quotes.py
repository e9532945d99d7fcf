"""What another process says of prices is taken quote by quote, and refused in one sentence."""

import json
import re
from typing import Any

import pytest

from thor.marketdata.ingress_quotes import MOST_QUOTES, BadBatch, RawQuote, judge

GOOD = {"symbol": "ES", "last": 6010.25}


def judged(*quotes: Any, **fields: Any) -> Any:
    return judge(json.dumps({"quotes": quotes, **fields}))


def test_every_field_arrives() -> None:
    prices = {"last": 6010.25, "bid": 6010, "ask": -0.5, "size": 3, "bid_size": 0, "ask_size": 9, "volume": 812345}
    reference = {"previous_close": 1, "open": 2, "high": 3, "low": 4, "high_52w": 5, "low_52w": 6}

    batch = judged({"symbol": "/ES", "at": "2026-03-02T14:30:00.250+00:00", **prices, **reference}, source="EXCEL")

    assert batch.source == "EXCEL"
    assert batch.quotes == [RawQuote("/ES", 1_772_461_800_250_000_000, reference=reference, **prices)]
    assert judge(batch.text()) == batch


def test_a_time_may_be_written_in_either_way_or_left_out() -> None:
    texts = ["2026-03-02T14:30:00Z", "2026-03-02T09:30:00-05:00", 1_772_461_800_000_000_000, None]

    batch = judged(*({**GOOD, "at": text} for text in texts))

    assert [quote.at for quote in batch.quotes] == [1_772_461_800_000_000_000] * 3 + [None]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lsat": 1}, 'a quote has no field "lsat"; its fields are symbol, at, price, last'),
        ({"last": "6010"}, '"last" must be a number, not "6010".'),
        ({"bid": True}, '"bid" must be a number, not true.'),
        ({"bid": [1]}, '"bid" must be a number, not [1].'),
        ({"ask": float("nan")}, '"ask" must be a number of at most 10^10.'),
        ({"ask": float("-inf")}, '"ask" must be a number of at most 10^10.'),
        ({"high": 10**400}, '"high" must be a number of at most 10^10.'),
        ({"volume": -1}, '"volume" must not be negative (-1).'),
        ({"price": 6010.25}, '"last" and "price" are two names of one figure'),
        ({"last": None, "size": 3}, '"size" is what was traded at "last", and there is no "last".'),
        ({"last": None}, "it has neither last, bid nor ask, nor a figure of reference"),
        ({"last": None, "volume": 3}, "it has neither last, bid nor ask"),
        ({"symbol": None}, '"symbol" must be a text'),
        ({"symbol": ""}, '"symbol" must be a text'),
        ({"symbol": "/"}, '"symbol" must be a text'),
        ({"symbol": "E\0S"}, '"symbol" must be a text'),
        ({"symbol": "Ä"}, '"symbol" must be a text'),
        ({"symbol": "X" * 49}, '"symbol" must be a text'),
        ({"at": -1}, '"at" must not be negative.'),
        ({"at": 1_772_461_800}, '"at" lies before 2000 or after 2099; as a number it counts ns since 1970.'),
        ({"at": 1.5}, '"at" must be ISO 8601 with an offset, or an integer'),
        ({"at": True}, '"at" must be ISO 8601'),
        ({"at": "2026-03-02T14:30:00"}, '"at" has no offset'),
        ({"at": "yesterday"}, '"at" "yesterday" is no instant'),
        ({"at": "2026-02-30T00:00:00Z"}, "is no instant"),
        ({"at": "1066-10-14T00:00:00Z"}, '"at" must not be negative.'),
    ],
)
def test_a_bad_quote_costs_that_quote_alone(change: dict[str, Any], reason: str) -> None:
    batch = judged(GOOD, {**GOOD, **change}, GOOD)

    assert len(batch.quotes) == 2
    (refused,) = batch.refused
    assert refused.place == 1
    assert refused.reason.startswith(reason) or reason in refused.reason
    assert refused.reason.endswith(".")
    assert judge(batch.text()).refused == []


def test_what_is_no_object_is_no_quote() -> None:
    assert [refusal.reason[:20] for refusal in judged("ES", None, GOOD).refused] == ["a quote is an object"] * 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no JSON"),
        (b"\xff", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", 'an object with a list "quotes"'),
        ('{"quotes": {}}', 'an object with a list "quotes"'),
        ('{"quotes": []}', '"quotes" is empty'),
        ('{"quotes": [1], "sauce": "EXCEL"}', 'has no field "sauce"'),
        ('{"quotes": [1], "source": "excel"}', "capital letters"),
        ('{"quotes": [1], "source": 7}', "capital letters"),
        (json.dumps({"quotes": [1] * (MOST_QUOTES + 1)}), "at most 1000 quotes, not 1001"),
    ],
)
def test_what_is_no_batch_is_refused_whole(text: str | bytes, reason: str) -> None:
    with pytest.raises(BadBatch, match=re.escape(reason)):
        judge(text)
