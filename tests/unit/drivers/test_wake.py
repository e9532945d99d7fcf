"""Waking who waits: from other threads, and from handlers of signals at any moment."""

import signal
import threading
import time

from thor.drivers.wake import Wake


def test_what_was_said_before_the_wait_ends_it_at_once_and_once() -> None:
    wake = Wake()
    wake.set()
    wake.set()

    assert wake.wait(30)
    assert not wake.wait(0.01)


def test_another_thread_ends_the_wait() -> None:
    wake = Wake()
    threading.Timer(0.05, wake.set).start()

    assert wake.wait(30)


def test_a_handler_that_comes_at_any_moment_does_not_stand_in_its_own_way() -> None:
    wake, heard = Wake(), 0
    before = signal.signal(signal.SIGUSR1, lambda *_: wake.set())
    stop = threading.Event()

    def ring() -> None:
        while not stop.is_set():
            signal.raise_signal(signal.SIGUSR1)
            time.sleep(0.0002)

    thread = threading.Thread(target=ring)
    thread.start()
    try:
        end = time.monotonic() + 1
        while heard <= 10 or time.monotonic() < end:  # on a machine that stands still nothing is heard for a second
            heard += wake.wait(0.0005)
    finally:
        stop.set()
        thread.join()
        signal.signal(signal.SIGUSR1, before)

    assert heard > 10
