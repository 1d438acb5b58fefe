"""The recorder in Postgres; its rules are the tables' keys and the queries ``sla_…``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row, scalar_row

from include.sla.contract import (
    COMPLETED_SINCE,
    VIOLATIONS,
    Completion,
    DefinitionVersion,
    Judgement,
    Maintenance,
    RecordedVerdict,
    SlaType,
    Verdict,
    Violation,
    Window,
)
from include.sql import query


class PostgresRecorder:
    """A ``Recorder`` over one connection in autocommit mode; a transaction that is open on it is joined."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def definitions(self) -> Mapping[int, Sequence[DefinitionVersion]]:
        """Return every definition's versions in their order."""
        rows = self._rows("sla_definition_versions", {})
        versions = [DefinitionVersion(**row | {"sla_type": SlaType(row["sla_type"])}) for row in rows]
        return {of: list(group) for of, group in groupby(versions, key=lambda one: one.definition_id)}

    def log(self, completion: Completion) -> None:
        """Write a completion down, once."""
        self._connection.execute(query("sla_log"), asdict(completion))

    def known_since(self, now: datetime) -> datetime:
        """Return since when no completion is missing in the log."""
        self._connection.execute(query("sla_begin"), {"now": now})
        return self._instant("sla_known_since", {}) or now

    def first_completion(self, window: Window, now: datetime) -> datetime | None:
        """Return when a window was first completed, up to ``now``."""
        return self._instant("sla_first_completion", asdict(window) | {"now": now})

    def judged_until(self, definition_id: int) -> datetime | None:
        """Return the end of the newest window that has a verdict."""
        return self._instant("sla_judged_until", {"definition_id": definition_id})

    def record(self, judgement: Judgement, now: datetime) -> bool:
        """Write a verdict, with the violation where it is one."""
        values = _values(judgement, now)
        with self._connection.transaction():
            if self._connection.execute(query("sla_record"), values).rowcount != 1:
                return False
            if judgement.verdict in VIOLATIONS:
                self._connection.execute(query("sla_violate"), values | {"told_at": None})
        return True

    def belated(self, now: datetime, most: int) -> Sequence[tuple[Window, datetime]]:
        """Return missed windows that were completed up to ``now``."""
        rows = self._rows("sla_belated", {"now": now, "most": most})
        moments = [row.pop("completed_at") for row in rows]
        return [(Window(**row), moment) for row, moment in zip(rows, moments, strict=True)]

    def correct(
        self,
        judgement: Judgement,
        now: datetime,
        was: Verdict = Verdict.MISSED,
        because: str = COMPLETED_SINCE,
    ) -> bool:
        """Put a verdict in another one's place and keep the old one."""
        values = _values(judgement, now) | {"was": was, "because": because, "told_at": now}
        with self._connection.transaction():
            if self._connection.execute(query("sla_keep_verdict"), values).rowcount != 1:
                return False
            self._connection.execute(query("sla_correct"), values)
            change = "sla_violate" if judgement.verdict in VIOLATIONS else "sla_forgive"
            self._connection.execute(query(change), values)
        return True

    def maintenance(self) -> Sequence[Maintenance]:
        """Return every span of maintenance."""
        with self._connection.cursor(row_factory=class_row(Maintenance)) as cursor:
            return cursor.execute(query("sla_maintenance")).fetchall()

    def announce(self, maintenance: Maintenance, now: datetime) -> None:
        """Write a span of maintenance down."""
        self._connection.execute(query("sla_announce"), asdict(maintenance) | {"now": now})

    def verdicts(self, definition_id: int) -> Sequence[RecordedVerdict]:
        """Return a definition's verdicts in the order of the windows."""
        return [_recorded(row) for row in self._rows("sla_verdicts", {"definition_id": definition_id})]

    def corrections(self, definition_id: int) -> Sequence[RecordedVerdict]:
        """Return the verdicts that were replaced, in the order of the windows."""
        return [_recorded(row) for row in self._rows("sla_corrections", {"definition_id": definition_id})]

    def violations(self, definition_id: int) -> Sequence[Violation]:
        """Return a definition's violations in the order of the windows."""
        with self._connection.cursor(row_factory=class_row(Violation)) as cursor:
            return cursor.execute(query("sla_violations"), {"definition_id": definition_id}).fetchall()

    def acknowledge(self, definition_id: int, window_start: datetime | None, by: str, now: datetime) -> int:
        """Note who has seen a violation, or all of a definition."""
        values = {"definition_id": definition_id, "window_start": window_start, "by": by, "now": now}
        return self._connection.execute(query("sla_acknowledge"), values).rowcount

    def _instant(self, name: str, parameters: Mapping[str, object]) -> datetime | None:
        with self._connection.cursor(row_factory=scalar_row) as cursor:
            found: datetime | None = cursor.execute(query(name), parameters).fetchone()
        return found

    def _rows(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query(name), parameters).fetchall()


def _values(judgement: Judgement, now: datetime) -> dict[str, object]:
    of_judgement = {
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "completed_at": judgement.completed_at,
        "minutes_late": judgement.minutes_late,
        "recovered_at": now if judgement.completed_at else None,
    }
    return asdict(judgement.window) | of_judgement | {"now": now}


def _recorded(row: Mapping[str, Any]) -> RecordedVerdict:
    return RecordedVerdict(**dict(row) | {"verdict": Verdict(row["verdict"])})
