"""A wish to stop that a signal handler may safely set while the program waits."""

import os
import select
import signal
from types import FrameType


class Stop:
    """Set once, by SIGTERM, SIGINT or a call; waiting for it is how the simulator passes its time.

    A pipe carries the wish, because a ``threading.Event`` that a signal handler sets can deadlock with its waiter.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
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

    def on_signals(self) -> None:
        """Take SIGTERM and SIGINT as the wish to stop."""

        def handle(number: int, frame: FrameType | None) -> None:
            del number, frame
            self.request()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)
