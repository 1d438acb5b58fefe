"""A wish to stop that a signal handler may safely set while the program waits."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Set once, by a signal or a call; waiting for it is how a program that runs on passes its time.

    A pipe carries the wish, because a ``threading.Event`` that a signal handler sets can deadlock with its waiter.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.requested = False

    def request(self) -> None:
        """Ask the program to stop after the call in flight."""
        if not self.requested:
            self.requested = True
            os.write(self._write, b"x")

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` and return whether the program is to stop."""
        ready, _, _ = select.select([self._read], [], [], max(0.0, seconds))
        return bool(ready)

    def close(self) -> None:
        """Give the pipe back; the object is of no use afterwards."""
        os.close(self._read)
        os.close(self._write)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Give a ``Stop`` that SIGTERM, SIGINT and the end of the terminal request, until the block ends."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.request()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
