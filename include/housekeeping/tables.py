"""Events past their retention in the tables that streams have of their own."""

from datetime import timedelta

from include.errors import ConfigurationError
from include.housekeeping.postgres import Purges
from include.housekeeping.settings import VARIABLE, Retention, span
from include.records import Clock
from include.streams.stream import Stream

EVENTS_AT_ONCE = 10_000


def kept_for(stream: Stream, retention: Retention) -> timedelta | None:
    """Return how long a stream's table keeps an event; None is for ever, or that there is no table.

    Raises:
        ConfigurationError: that is shorter than what the stream still looks at.
    """
    kept = span(retention.tables_days) if stream.loader else None
    needed = stream.looks_back()
    if kept is not None and kept < needed:
        raise ConfigurationError(
            f"{VARIABLE.format('TABLES_DAYS')} keeps the table of {stream.name} for {kept / timedelta(days=1):g} days,"
            f" but {needed / timedelta(days=1):g} days of it are still looked at: set that many or more, or 0 for ever"
        )
    return kept


def forget_events(stream: Stream, purges: Purges, retention: Retention, clock: Clock) -> int:
    """Remove what is past its retention from the stream's own table, in chunks; return how many events.

    Raises:
        ConfigurationError: the retention is shorter than what the stream still looks at; nothing was removed.
        TransientError: Postgres was away, or somebody read the table for long; what was removed stays so.
    """
    kept = kept_for(stream, retention)
    if kept is None or stream.loader is None:
        return 0
    before, loader, removed = clock() - kept, stream.loader(purges.connection), 0
    while True:
        with purges.transaction():
            count = loader.forget(before, None if purges.dry_run else EVENTS_AT_ONCE)
        removed += count
        if not count or purges.dry_run:
            return removed
