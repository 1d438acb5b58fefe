"""Compaction's pages in Postgres."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from include.compaction.contract import CleanBatch, CleanObject, Compaction, Kind
from include.sql import query


class PostgresCompactions:
    """``Compactions`` over one connection in autocommit mode; each method opens its own transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        return self._connection.transaction()

    def take(self, stream: str, hour: datetime) -> bool:
        """Hold the hour until the transaction's end, by an advisory lock."""
        return bool(self._value("compaction_take", {"name": f"cali.compactions/{stream}/{hour.timestamp():.0f}"}))

    def uncovered(self, stream: str, until: datetime) -> list[datetime]:
        """Return the hours before ``until`` that have a batch which is not in ``compacted/``."""
        return self._hours("compaction_uncovered", {"stream": stream, "until": until})

    def hours(self, stream: str, since: datetime, until: datetime) -> list[datetime]:
        """Return the hours from ``since`` to before ``until`` that have a batch."""
        return self._hours("compaction_hours", {"stream": stream, "since": since, "until": until})

    def batches(self, stream: str, hour: datetime) -> list[CleanBatch]:
        """Return the hour's batches in order."""
        with self._connection.cursor(row_factory=class_row(CleanBatch)) as cursor:
            return cursor.execute(query("compaction_batches"), {"stream": stream, "hour": hour}).fetchall()

    def compaction(self, stream: str, hour: datetime) -> Compaction | None:
        """Return what is known of the hour's object."""
        with self._connection.cursor(row_factory=class_row(Compaction)) as cursor:
            return cursor.execute(query("compaction_of_hour"), {"stream": stream, "hour": hour}).fetchone()

    def compacted_since(self, stream: str, since: datetime) -> list[Compaction]:
        """Return the objects that were written from ``since`` on and may be written again."""
        with self._connection.cursor(row_factory=class_row(Compaction)) as cursor:
            return cursor.execute(query("compaction_since"), {"stream": stream, "since": since}).fetchall()

    def unsealed(self, stream: str, until: datetime) -> list[Compaction]:
        """Return the objects of hours before ``until`` that may be written again."""
        with self._connection.cursor(row_factory=class_row(Compaction)) as cursor:
            return cursor.execute(query("compaction_unsealed"), {"stream": stream, "until": until}).fetchall()

    def record(self, compaction: Compaction, batch_ids: Sequence[str]) -> None:
        """Say that the hour's object holds exactly these batches."""
        with self.transaction():
            self._connection.execute(query("compaction_record"), asdict(compaction))
            self._connection.execute(
                query("compaction_mark"), {"batch_ids": list(batch_ids), "object_key": compaction.object_key}
            )

    def record_late(self, batch_id: str, object_key: str) -> None:
        """Say that a batch lies in ``compacted/`` on its own."""
        self._connection.execute(query("compaction_mark"), {"batch_ids": [batch_id], "object_key": object_key})

    def seal(self, compaction: Compaction, now: datetime) -> bool:
        """Say that the hour's object is never written again."""
        values = {"stream": compaction.stream, "hour": compaction.hour, "now": now}
        return self._connection.execute(query("compaction_seal"), values).rowcount == 1

    def clean_objects(self, stream: str) -> list[CleanObject]:
        """Return the smallest set of objects that holds each published record once."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(query("clean_objects"), {"stream": stream}).fetchall()
        return [CleanObject(**row | {"kind": Kind(row["kind"])}) for row in rows]

    def _hours(self, name: str, values: Mapping[str, Any]) -> list[datetime]:
        return [row[0] for row in self._connection.execute(query(name), values).fetchall()]

    def _value(self, name: str, values: Mapping[str, Any]) -> object:
        row = self._connection.execute(query(name), values).fetchone()
        return row[0] if row else None
