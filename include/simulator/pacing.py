"""How many records are due at an instant.

A load says how many records a run should have put after so many seconds; a pacer compares that with what it handed
out. When the sink was too slow the pacer catches up, but hands out at most twice the present rate for the time since
it was last asked, and counts no more than one second of that time, so that an outage does not end in a burst.
"""

from dataclasses import dataclass

TICK_S = 0.2
"""How long the command waits between two rounds, in seconds: five calls a second at ordinary rates."""
CATCH_UP_FACTOR = 2.0
"""How much faster than its load a run that is behind may go."""
LONGEST_SPAN_S = 1.0
"""How much of the time that the sink was busy counts when a run catches up, in seconds."""


@dataclass(frozen=True, slots=True)
class Load:
    """A base rate in records a second; with a ``factor`` other than 1, a spike of that height at ``spike_from_s``."""

    rate: float
    factor: float = 1.0
    spike_from_s: float = 0.0
    spike_length_s: float = 0.0

    def rate_at(self, elapsed: float) -> float:
        """Return the rate ``elapsed`` seconds after the start, in records a second."""
        in_spike = self.spike_from_s <= elapsed < self.spike_from_s + self.spike_length_s
        return self.rate * self.factor if in_spike else self.rate

    def total(self, elapsed: float) -> float:
        """Return how many records should have been put within the first ``elapsed`` seconds."""
        spiked = min(max(elapsed - self.spike_from_s, 0.0), self.spike_length_s)
        return self.rate * (elapsed + (self.factor - 1.0) * spiked)


class Pacer:
    """Hands out a load's records as they fall due; instants are seconds of a monotonic clock."""

    def __init__(self, load: Load, started: float) -> None:
        self._load = load
        self._started = self._asked = started
        self._handed_out = 0

    def due(self, now: float) -> int:
        """Return how many records to put now, and count them as handed out."""
        rate = self._load.rate_at(now - self._started)
        span = min(now - self._asked, LONGEST_SPAN_S)
        self._asked = now
        allowed = max(1, int(CATCH_UP_FACTOR * rate * span))
        count = max(0, min(self._owed(now), allowed))
        self._handed_out += count
        return count

    def behind_s(self, now: float) -> float:
        """Return how far the run lags its load, in seconds at the present rate; 0 when nothing is owed."""
        return max(0, self._owed(now)) / self._load.rate_at(now - self._started)

    def _owed(self, now: float) -> int:
        return int(self._load.total(now - self._started)) - self._handed_out
