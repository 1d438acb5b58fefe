"""What a daily report asks of CALI's database, and what it leaves there; the twin is ``store_memory``."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg.rows import class_row

from include.reports.day import Day
from include.reports.values import (
    AttainmentLine,
    DeadLetterLine,
    Facts,
    GroupLine,
    LogCount,
    QualityLine,
    Readiness,
    Reading,
    SavedReport,
)
from include.sql import query

Line = TypeVar("Line")
MOST_GROUPS = 20


class ReportStore(Protocol):
    """Reads what the ledger and the other rooms know of a day; keeps one report for each date."""

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        ...

    def time_zone(self, pipeline: str) -> str | None:
        """Return the time zone of the pipeline's daily service level; None without one."""
        ...

    def readiness(self, stream: str, day: Day) -> Readiness:
        """Return how far the stream is, and how many of its batches with events of the day are not finished."""
        ...

    def reading(self, stream: str, day: Day) -> Reading:
        """Return the objects that hold the day's published events."""
        ...

    def facts(self, day: Day) -> Facts:
        """Return what else there is to say of the day."""
        ...

    def saved(self, of: date) -> SavedReport | None:
        """Return a date's report; within a transaction nobody else writes it until the end."""
        ...

    def save(self, report: SavedReport, logs: Sequence[LogCount]) -> None:
        """Write a date's report and its counts in place of what was there."""
        ...

    def logs(self, of: date) -> Sequence[LogCount]:
        """Return a date's counts by service and level."""
        ...


class PostgresReportStore:
    """A ``ReportStore`` over one connection in autocommit mode."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        return self._connection.transaction()

    def time_zone(self, pipeline: str) -> str | None:
        """Return the time zone of the pipeline's daily service level."""
        row = self._connection.execute(query("daily_time_zone"), {"pipeline": pipeline}).fetchone()
        return row[0] if row else None

    def readiness(self, stream: str, day: Day) -> Readiness:
        """Return how far the stream is."""
        (found,) = self._lines("daily_readiness", Readiness, _span(day) | {"stream": stream})
        return found

    def reading(self, stream: str, day: Day) -> Reading:
        """Return the objects that hold the day's published events."""
        (found,) = self._lines("daily_objects", Reading, _span(day) | {"stream": stream})
        return found

    def facts(self, day: Day) -> Facts:
        """Return what else there is to say of the day."""
        span = _span(day)
        return Facts(
            groups=self._lines("daily_groups", GroupLine, span | {"most": MOST_GROUPS}),
            dead_letters=self._lines("daily_dead_letters", DeadLetterLine, span),
            quality=self._lines("daily_quality", QualityLine, span),
            attainment=self._lines("daily_attainment", AttainmentLine, span),
        )

    def saved(self, of: date) -> SavedReport | None:
        """Return a date's report."""
        return next(iter(self._lines("daily_report", SavedReport, {"day": of})), None)

    def save(self, report: SavedReport, logs: Sequence[LogCount]) -> None:
        """Write a date's report and its counts in place of what was there."""
        day = {"day": report.day}
        kept = {"services": [count.service for count in logs], "levels": [count.level for count in logs]}
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(query("daily_save"), asdict(report))
            cursor.execute(query("daily_forget_logs"), day | kept)
            cursor.executemany(query("daily_save_logs"), [asdict(count) | day for count in logs])

    def logs(self, of: date) -> Sequence[LogCount]:
        """Return a date's counts by service and level."""
        return self._lines("daily_logs", LogCount, {"day": of})

    def _lines(self, name: str, kind: type[Line], values: dict[str, Any]) -> list[Line]:
        with self._connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query(name), values).fetchall()


def _span(day: Day) -> dict[str, Any]:
    return {"start": day.start, "end": day.end}
