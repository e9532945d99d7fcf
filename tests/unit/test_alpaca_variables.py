"""Which addresses and keys of Alpaca are refused at start, and with which sentence."""

import pytest

from thor.env import PAPER_URL, read
from thor.errors import BadConfiguration

LIVE = "https://api.alpaca.markets"
KEYS = {"APCA_API_KEY_ID": "PKTEST", "APCA_API_SECRET_KEY": "secret"}


def test_the_paper_endpoint_is_the_default() -> None:
    found = read()

    assert (found.alpaca_url, found.alpaca_key_id, found.allow_live, found.scheduler_tick) == (PAPER_URL, "", False, 60)
    assert found.broker == "paper"


@pytest.mark.parametrize(
    "address", [LIVE, "https://broker.example.org", "https://paper-api.alpaca.markets.example.org"]
)
@pytest.mark.parametrize(
    ("switches", "missing"),
    [
        ({}, "set THOR_BROKER=alpaca and THOR_ALLOW_LIVE=1 as well"),
        ({"THOR_BROKER": "alpaca"}, "set THOR_ALLOW_LIVE=1 as well"),
        ({"THOR_ALLOW_LIVE": "1"}, "set THOR_BROKER=alpaca as well"),
        ({"THOR_ALLOW_LIVE": "1", "THOR_BROKER": "paper"}, "set THOR_BROKER=alpaca as well"),
    ],
)
def test_an_address_that_may_be_live_is_refused_without_both_switches(
    monkeypatch: pytest.MonkeyPatch, address: str, switches: dict[str, str], missing: str
) -> None:
    for name, value in {"APCA_API_BASE_URL": address, **KEYS, **switches}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(BadConfiguration, match=missing):
        read()


def test_a_live_address_with_both_switches_and_keys_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "APCA_API_BASE_URL": LIVE,
        "THOR_BROKER": "Alpaca",
        "THOR_ALLOW_LIVE": "1",
        **KEYS,
    }.items():
        monkeypatch.setenv(name, value)

    found = read()

    assert (found.alpaca_url, found.broker, found.allow_live) == (LIVE, "alpaca", True)


def test_permission_alone_makes_nothing_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_ALLOW_LIVE", "1")

    assert (read().broker, read().alpaca_url) == ("paper", PAPER_URL)


def test_alpaca_without_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_BROKER", "alpaca")

    with pytest.raises(BadConfiguration, match="THOR_BROKER=alpaca needs APCA_API_KEY_ID and APCA_API_SECRET_KEY"):
        read()


def test_a_broker_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_BROKER", "zerodha")

    with pytest.raises(BadConfiguration, match="THOR_BROKER='zerodha' cannot be used"):
        read()


def test_an_address_with_a_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APCA_API_BASE_URL", f"{PAPER_URL}/v2")

    with pytest.raises(BadConfiguration, match="has no path"):
        read()


@pytest.mark.parametrize(
    "address", ["http://api.alpaca.markets", "http://paper-api.alpaca.markets", "alpaca", "https://"]
)
def test_keys_are_never_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("APCA_API_BASE_URL", address)
    monkeypatch.setenv("THOR_ALLOW_LIVE", "1")

    with pytest.raises(BadConfiguration, match="begins with https://"):
        read()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8081", "http://localhost:8081", "http://[::1]:8081", "https://localhost"]
)
def test_a_server_of_this_machine_needs_no_switch(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("APCA_API_BASE_URL", address)

    assert read().alpaca_url == address


@pytest.mark.parametrize("name", ["APCA_API_BASE_URL", "THOR_ALPACA_DATA_URL", "THOR_ALPACA_STREAM_URL"])
@pytest.mark.parametrize(
    "rest",
    [
        "127.0.0.1:43083\\@localhost",
        "api.alpaca.markets\\@localhost",
        "localhost\\",
        "api.alpaca.markets\\.localhost",
        "user:word@localhost",
        "@localhost",
        "localhost?at=api.alpaca.markets",
        "localhost?",
        "localhost#api.alpaca.markets",
        "localhost ",
        "local host",
        "localhost\t",
        "localhost\r\n",
        "local\u00a0host",
        "localhost\x01",
        "localhost\x7f",
        "local\u00adhost",
    ],
)
def test_an_address_that_two_readers_may_read_differently_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, rest: str
) -> None:
    monkeypatch.setenv(name, ("wss://" if "STREAM" in name else "https://") + rest)

    with pytest.raises(BadConfiguration, match=rf"{name}=.* cannot be used: write an address without a backslash"):
        read()


@pytest.mark.parametrize("name", ["APCA_API_BASE_URL", "THOR_ALPACA_DATA_URL", "THOR_ALPACA_STREAM_URL"])
@pytest.mark.parametrize(
    "rest", ["localhost:99999", "localhost:0", "localhost:-1", "localhost:http", "localhost:80:81", "[::1", "[here]"]
)
def test_an_address_whose_host_or_port_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, rest: str
) -> None:
    monkeypatch.setenv(name, ("wss://" if "STREAM" in name else "https://") + rest)

    with pytest.raises(BadConfiguration, match=rf"{name}=.* cannot be used: write an address whose host and port"):
        read()


@pytest.mark.parametrize("name", ["APCA_API_BASE_URL", "THOR_ALPACA_DATA_URL"])
def test_keys_go_in_the_clear_to_no_host_before_a_backslash(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://broker.example.org\\@localhost")

    with pytest.raises(BadConfiguration, match="without a backslash"):
        read()


@pytest.mark.parametrize("name", ["APCA_API_KEY_ID", "APCA_API_SECRET_KEY"])
def test_one_key_without_the_other_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "PK0123456789")

    with pytest.raises(BadConfiguration, match="belong together") as raised:
        read()

    assert "PK0123456789" not in str(raised.value)


@pytest.mark.parametrize("seconds", ["14", "0", "3601", "soon"])
def test_a_tick_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("SCHEDULER_TICK_SECONDS", seconds)

    with pytest.raises(BadConfiguration, match="SCHEDULER_TICK_SECONDS="):
        read()


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("THOR_ALPACA_STREAM_URL", "ws://stream.data.alpaca.markets"),
        ("THOR_ALPACA_STREAM_URL", "https://stream.data.alpaca.markets"),
        ("THOR_ALPACA_STREAM_URL", "wss://"),
        ("THOR_ALPACA_DATA_URL", "http://data.alpaca.markets"),
        ("THOR_ALPACA_DATA_URL", "wss://data.alpaca.markets"),
    ],
)
def test_keys_are_never_sent_to_market_data_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    monkeypatch.setenv(name, address)

    with pytest.raises(BadConfiguration, match=f"{name}=.* begins with (wss|https)://"):
        read()


def test_market_data_may_come_from_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_ALPACA_STREAM_URL", "ws://127.0.0.1:8765")
    monkeypatch.setenv("THOR_ALPACA_DATA_FEED", "SIP")

    found = read()

    assert (found.alpaca_stream_url, found.alpaca_data_feed) == ("ws://127.0.0.1:8765", "sip")
    assert found.alpaca_data_url == "https://data.alpaca.markets"


def test_an_unknown_source_of_shares_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_ALPACA_DATA_FEED", "otc")

    with pytest.raises(BadConfiguration, match="THOR_ALPACA_DATA_FEED='otc'"):
        read()
