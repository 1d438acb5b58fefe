"""Count events by service and level, table by table: pure, and as large as there are services and levels."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.reports.day import Day
from include.reports.values import LogCount

COLUMNS = ["service", "level", "_arrived_at"]
"""What is read of a clean object."""
_ARRIVAL = "_arrived_at"


def tally(day: Day, tables: Iterable[pa.Table]) -> list[LogCount]:
    """Return how many of the events arrived on the day, by service and level; what arrived before or after is not its.

    Args:
        day: the day.
        tables: tables with ``COLUMNS``; one at a time is held.
    """
    counts: dict[tuple[str, str], LogCount] = {}
    for table in tables:
        for count in _counted(day, table):
            key = (count.service, count.level)
            known = counts.get(key)
            counts[key] = _sum(known, count) if known else count
    return [counts[key] for key in sorted(counts)]


def _counted(day: Day, table: pa.Table) -> list[LogCount]:
    arrived = table.column(_ARRIVAL)
    moments = pa.scalar(day.start, arrived.type), pa.scalar(day.end, arrived.type)
    inside = table.filter(pc.and_(pc.greater_equal(arrived, moments[0]), pc.less(arrived, moments[1])))
    groups = inside.group_by(["service", "level"]).aggregate([(_ARRIVAL, how) for how in ("count", "min", "max")])
    return [
        LogCount(
            service=row["service"],
            level=row["level"],
            records=row[f"{_ARRIVAL}_count"],
            first_arrived_at=row[f"{_ARRIVAL}_min"],
            last_arrived_at=row[f"{_ARRIVAL}_max"],
        )
        for row in groups.to_pylist()
    ]


def _sum(one: LogCount, other: LogCount) -> LogCount:
    return replace(
        one,
        records=one.records + other.records,
        first_arrived_at=min(one.first_arrived_at, other.first_arrived_at),
        last_arrived_at=max(one.last_arrived_at, other.last_arrived_at),
    )


def to_table(day: Day, logs: Iterable[LogCount]) -> pa.Table:
    """Return a day's counts as the table of ``cali.daily_log_summary``."""
    moment = pa.timestamp("us", tz="UTC")
    fields: list[pa.Field[Any]] = [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("service", pa.string(), nullable=False),
        pa.field("level", pa.string(), nullable=False),
        pa.field("records", pa.int64(), nullable=False),
        pa.field("first_arrived_at", moment, nullable=False),
        pa.field("last_arrived_at", moment, nullable=False),
    ]
    schema = pa.schema(fields)
    rows = list(logs)
    columns = {name: [getattr(count, name) for count in rows] for name in schema.names if name != "day"}
    return pa.table({"day": [day.date] * len(rows)} | columns, schema=schema)
