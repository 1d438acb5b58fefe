"""When a generator's records happen: spread evenly over the time since it was last asked."""

from datetime import UTC, datetime


class Spread:
    """Gives instants in order; what is asked for first happens at once."""

    def __init__(self) -> None:
        self._last: datetime | None = None

    def instants(self, count: int, now: datetime) -> list[datetime]:
        """Return ``count`` instants behind the last ``now``, evenly apart, the last of them ``now`` (aware; UTC)."""
        if count == 0:
            return []
        now = now.astimezone(UTC)
        last = self._last or now
        self._last = now
        step = (now - last) / count
        return [*(last + step * number for number in range(1, count)), now]


def zulu(at: datetime) -> str:
    """Return an instant in UTC as producers write it, to the microsecond."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
