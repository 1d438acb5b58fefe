"""The line that tells a person at the terminal how the simulator gets on."""

import logging
from collections.abc import Callable
from typing import TextIO

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
BEHIND_S = 2.0
"""From how many seconds behind its rate on a run says so."""


class Progress:
    """Counts what the sinks did and writes a line of it every few seconds; ``clock`` is monotonic, in seconds."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self._out = out
        self._clock = clock
        self._started = self._told = clock()
        self._put_when_told = 0
        self.put = 0
        self.retried = 0
        self.uncertain = 0

    def tell(self, behind_s: float = 0.0) -> None:
        """Write a line if it is time for one; ``behind_s`` is how far the run lags its rate."""
        now = self._clock()
        if now - self._told < INTERVAL_S:
            return
        rate = (self.put - self._put_when_told) / (now - self._told)
        self._told, self._put_when_told = now, self.put
        late = f" behind={behind_s:.0f}s (the sink is slower than the rate)" if behind_s >= BEHIND_S else ""
        self._write(f"put={self.put} rate={rate:.0f}/s retried={self.retried} uncertain={self.uncertain}{late}")

    def close(self) -> None:
        """Write the last line: the whole run."""
        seconds = max(self._clock() - self._started, 1e-9)
        self._write(
            f"done: put={self.put} rate={self.put / seconds:.0f}/s retried={self.retried}"
            f" uncertain={self.uncertain} seconds={seconds:.1f}"
        )

    def _write(self, text: str) -> None:
        self._out.write(f"simulator: {text}\n")
        self._out.flush()
