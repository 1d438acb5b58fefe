"""What a reconciliation asks of CALI's database, and what it leaves there; the twin is ``store_memory``."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from include.proof.reconciliation.values import LedgerBatch, Span
from include.sql import query


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A row of ``cali.reconciliations``: what one run found out about one stream and span of arrival times."""

    stream: str
    from_at: datetime
    to_at: datetime
    run_id: str
    state: str
    batches: int
    records: int
    objects: int
    stream_records: int
    differences: int
    report: Mapping[str, object]
    report_key: str
    started_at: datetime
    finished_at: datetime


class ReconciliationStore(Protocol):
    """Reads the live batches of the ledger; a replay's are another account of the same records and left out."""

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        ...

    def shards(self, stream: str, span: Span) -> dict[str, int]:
        """Return how many batches of the span each shard has; those without any are left out."""
        ...

    def batches(self, stream: str, shard_id: str, span: Span) -> list[LedgerBatch]:
        """Return the shard's batches whose first record arrived in the span, and their neighbours.

        The neighbours are the last drained batch before the span and the first one behind it.
        """
        ...

    def named(self, raw_keys: Sequence[str]) -> set[str]:
        """Return those of the keys that the ledger names, in whatever batch."""
        ...

    def removed(self, keys: Collection[str]) -> dict[str, datetime]:
        """Return when housekeeping removed an object, for those of the keys whose time was over."""
        ...

    def save(self, reconciliation: Reconciliation) -> None:
        """Write the result, in place of what the same run said of the stream before."""
        ...


class PostgresReconciliationStore:
    """A ``ReconciliationStore`` over one connection in autocommit mode."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        return self._connection.transaction()

    def shards(self, stream: str, span: Span) -> dict[str, int]:
        """Return how many batches of the span each shard has."""
        parameters = {"stream": stream, "from_at": span.start, "to_at": span.end}
        return dict(self._connection.execute(query("reconcile_shards"), parameters).fetchall())

    def batches(self, stream: str, shard_id: str, span: Span) -> list[LedgerBatch]:
        """Return the shard's batches of the span, and their neighbours."""
        parameters = {"stream": stream, "shard_id": shard_id, "from_at": span.start, "to_at": span.end}
        with self._connection.cursor(row_factory=class_row(LedgerBatch)) as cursor:
            return cursor.execute(query("reconcile_batches"), parameters).fetchall()

    def named(self, raw_keys: Sequence[str]) -> set[str]:
        """Return those of the keys that the ledger names."""
        rows = self._connection.execute(query("reconcile_named"), {"keys": list(raw_keys)})
        return {row[0] for row in rows}

    def removed(self, keys: Collection[str]) -> dict[str, datetime]:
        """Return when housekeeping removed an object."""
        return dict(self._connection.execute(query("reconcile_removed"), {"keys": list(keys)}).fetchall())

    def save(self, reconciliation: Reconciliation) -> None:
        """Write the result, in place of what the same run said of the stream before."""
        row = asdict(reconciliation) | {"report": Jsonb(reconciliation.report)}
        self._connection.execute(query("reconcile_save"), row)
