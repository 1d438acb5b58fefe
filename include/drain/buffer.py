"""When a batch is full, and how long a busy stream waits to fill one."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class BufferHints:
    """Bounds of one shard's batch: it closes at the first one that is reached, never before a record is complete.

    ``max_records`` counts stream records, ``max_bytes`` their data. ``linger`` is the shortest time from the end of
    one batch to the end of the next: a stream at rest is answered at once, a busy one fills its batch for so long.
    """

    max_records: int = 20_000
    max_bytes: int = 32 * 1024 * 1024
    linger: timedelta = timedelta(0)

    def full(self, records: int, size: int) -> bool:
        """Return whether a batch of so many records and bytes takes no more."""
        return records >= self.max_records or size >= self.max_bytes


def linger_until(last_drained_at: datetime | None, now: datetime, linger: timedelta) -> datetime:
    """Return until when a batch that has its first record waits for more."""
    if last_drained_at is None:
        return now
    # A clock that was set back must not hold records longer than the linger itself.
    return min(max(last_drained_at + linger, now), now + linger)
