"""Published log events whose service, level and time of arrival a test names."""

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pyarrow as pa

from include.keys import Room, object_key
from include.parquet import to_parquet
from include.reports.tally import COLUMNS
from tests.include.compaction.publishing import Publisher

Event = tuple[str, str, datetime]


def table(events: Sequence[Event]) -> pa.Table:
    """Return events as a clean object has them, with a column more than is counted."""
    values = [list(column) for column in zip(*events, strict=True)] or [[], [], []]
    kinds = (pa.string(), pa.string(), pa.timestamp("us", tz="UTC"))
    columns = {name: pa.array(column, kind) for name, column, kind in zip(COLUMNS, values, kinds, strict=True)}
    return pa.table({"message": pa.array(["…"] * len(events), pa.string())} | columns)


def publish(connection: psycopg.Connection, publisher: Publisher, events: Sequence[Event]) -> str:
    """Publish a batch of these events, in the order of their arrival; return the key of its clean object."""
    first, last = events[0][2], events[-1][2]
    batch_id = publisher.publish(first, len(events))
    connection.execute("update cali.micro_batches set last_arrived_at = %s where batch_id = %s", [last, batch_id])
    key = object_key(Room.CLEAN, "logs", first, f"{batch_id}.parquet")
    publisher.store.put(key, to_parquet(table(events)))
    return key


def at(hour: int, minute: int = 0, day: int = 28, second: float = 0) -> datetime:
    """Return an instant of March 2026, in UTC."""
    whole, part = divmod(second, 1)
    return datetime(2026, 3, day, hour, minute, int(whole), round(part * 1_000_000), tzinfo=UTC)
