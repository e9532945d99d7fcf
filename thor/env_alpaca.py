"""The variables of the broker: which one, at which address, with which keys. `thor.env` reads them."""

from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, BeforeValidator, ValidationInfo, field_validator, model_validator

from thor.env_variables import lowered, named

#: Where Alpaca answers for paper accounts.
PAPER_URL: Final = "https://paper-api.alpaca.markets"
#: Hosts whose answers cost nobody money: the paper endpoint, and this machine.
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
PAPER_HOSTS: Final = LOOPBACK | {"paper-api.alpaca.markets"}
#: Characters that no address of Alpaca's needs, and that may end its host for one reader and not for another.
DOUBTFUL: Final = frozenset("\\ @?#")


class AlpacaEnv(BaseModel):
    """Where orders go. A live address is refused without both switches that say it is meant."""

    broker: Annotated[Literal["paper", "alpaca"], BeforeValidator(lowered)] = named(
        "THOR_BROKER", "paper", "Where orders go: paper (embedded, no money) or alpaca"
    )
    alpaca_url: str = named(
        "APCA_API_BASE_URL", PAPER_URL, "Address of Alpaca's API; a live one needs THOR_BROKER and THOR_ALLOW_LIVE"
    )
    alpaca_key_id: str = named("APCA_API_KEY_ID", "", "Key of the Alpaca account; empty means that there is none")
    alpaca_secret_key: str = named("APCA_API_SECRET_KEY", "", "Secret of that key", repr=False)
    alpaca_data_feed: Annotated[Literal["iex", "sip"], BeforeValidator(lowered)] = named(
        "THOR_ALPACA_DATA_FEED", "iex", "Alpaca's prices of shares: iex (one exchange, free) or sip (all, paid)"
    )
    alpaca_stream_url: str = named(
        "THOR_ALPACA_STREAM_URL", "wss://stream.data.alpaca.markets", "Address of Alpaca's market data stream"
    )
    alpaca_data_url: str = named(
        "THOR_ALPACA_DATA_URL", "https://data.alpaca.markets", "Address of Alpaca's market data API"
    )
    allow_live: bool = named("THOR_ALLOW_LIVE", False, "Let APCA_API_BASE_URL be that of an account with real money")

    @field_validator("alpaca_url")
    @classmethod
    def _secure(cls, value: str) -> str:
        parts = _parts(value)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if not (is_safe and parts.hostname) or parts.path.strip("/"):
            raise ValueError(f"write an address that begins with https:// and has no path, for example {PAPER_URL}")
        return value

    @field_validator("alpaca_stream_url", "alpaca_data_url")
    @classmethod
    def _secure_data(cls, value: str, info: ValidationInfo) -> str:
        # The keys go there.
        secure, plain = ("wss", "ws") if info.field_name == "alpaca_stream_url" else ("https", "http")
        parts = _parts(value)
        is_safe = parts.scheme == secure or (parts.scheme == plain and parts.hostname in LOOPBACK)
        if not (is_safe and parts.hostname):
            raise ValueError(f"write an address that begins with {secure}://, or {plain}:// to this machine")
        return value

    @model_validator(mode="after")
    def _broker_is_meant(self) -> "AlpacaEnv":
        host = urlsplit(self.alpaca_url).hostname
        switches = {"THOR_BROKER=alpaca": self.broker == "alpaca", "THOR_ALLOW_LIVE=1": self.allow_live}
        if self.is_live and not all(switches.values()):
            missing = " and ".join(name for name, is_set in switches.items() if not is_set)
            raise ValueError(f"APCA_API_BASE_URL is a live address ({host}); set {missing} as well, or unset it")
        if self.broker == "alpaca" and not (self.alpaca_key_id or self.alpaca_secret_key):
            raise ValueError("THOR_BROKER=alpaca needs APCA_API_KEY_ID and APCA_API_SECRET_KEY; set both")
        if bool(self.alpaca_key_id) != bool(self.alpaca_secret_key):
            raise ValueError("APCA_API_KEY_ID and APCA_API_SECRET_KEY belong together; set both, or neither")
        return self

    @property
    def is_live(self) -> bool:
        """Tell whether the address may be that of an account with real money."""
        return urlsplit(self.alpaca_url).hostname not in PAPER_HOSTS


def _parts(address: str) -> SplitResult:
    r"""Return the parts of an address that whoever connects divides in the same way; raise `ValueError` for any other.

    Of `http://broker.example\@localhost` the host is localhost to `urlsplit`, and broker.example to the HTTP client.
    """
    if DOUBTFUL.intersection(address) or not address.isprintable():
        raise ValueError("write an address without a backslash, whitespace, control characters, @, ? and #")
    try:
        parts = urlsplit(address)
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError("write an address whose host and port can be read, the port from 1 to 65535")
    return parts
