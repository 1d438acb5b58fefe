"""How fast a group's records come: its last hour minute by minute, and what is too fast for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MOST_MINUTES = 60
BARS = "▁▂▃▄▅▆▇█"
COLUMNS = 20
"""A trend's width in a message: what a phone shows in one line."""

Minutes = Iterable[tuple[int, int]]
"""Pairs of a minute, counted from the epoch, and a number of records."""


def minute_of(at: datetime) -> int:
    """Return the number of the minute that an aware instant lies in, counted from the epoch."""
    return int(at.timestamp() // 60)


@dataclass(frozen=True, slots=True)
class RateRules:
    """When a group escalates: its records a minute, over the last ``window``, pass a bound.

    ``bound`` is that of every group, in records a minute, where it is set. A group with at least ``least_past`` of its
    own past has a learned one too: ``factor`` times its mean, and never under ``floor``. The lower one counts.
    """

    bound: float | None = None
    factor: float = 5.0
    floor: float = 10.0
    window: timedelta = timedelta(minutes=5)
    least_past: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Trend:
    """Records of each minute from ``first`` on (a minute's number), by when they happened; an hour of it at most."""

    first: int = 0
    counts: tuple[int, ...] = ()

    def plus(self, minutes: Minutes) -> "Trend":
        """Return the trend with more records; what lies more than an hour before the newest is left out."""
        added = dict(minutes)
        if not added:
            return self
        known = {self.first + at: count for at, count in enumerate(self.counts)}
        last = max([*added, *known])
        first = max(min([*added, *known]), last - MOST_MINUTES + 1)
        return Trend(first, tuple(known.get(at, 0) + added.get(at, 0) for at in range(first, last + 1)))

    def rate(self, now: datetime, window: timedelta) -> float:
        """Return records a minute over the window that ends now; a clock that runs ahead is let in."""
        width = max(round(window / timedelta(minutes=1)), 1)
        since = minute_of(now) - width + 1
        return sum(self.counts[max(since - self.first, 0) :]) / width

    def bound(self, now: datetime, rules: RateRules) -> float | None:
        """Return how many records a minute are too many, or None where nothing says so."""
        past = self.counts[: max(minute_of(now - rules.window) - self.first + 1, 0)]
        learned = None
        if len(past) * timedelta(minutes=1) >= rules.least_past:
            learned = max(rules.factor * sum(past) / len(past), rules.floor)
        return min((bound for bound in (rules.bound, learned) if bound is not None), default=None)

    def bar(self) -> str:
        """Return the trend as bars, the newest last; each stands for the same number of minutes."""
        width = max(-(-len(self.counts) // COLUMNS), 1)
        ends = range(len(self.counts), 0, -width)
        sums = [sum(self.counts[max(end - width, 0) : end]) for end in reversed(ends)]
        most = max(sums, default=0)
        return "".join(BARS[max(1, round(one / most * (len(BARS) - 1))) if one else 0] for one in sums)

    def span(self) -> tuple[datetime, datetime]:
        """Return where the first minute begins and the last one ends."""
        ends = (self.first, self.first + len(self.counts))
        begin, end = (datetime.fromtimestamp(minute * 60, UTC) for minute in ends)
        return begin, end
