"""``TransactionTable`` in Postgres: a question for each batch, never one for each record, and one COPY.

A ``tx_id`` is unique although the table is partitioned by day: ``cali.transaction_ids`` has it as its key.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv

from include.sql import query
from include.streams.transactions.currencies import EXPONENTS
from include.streams.transactions.judge import Known, Verdict
from include.streams.transactions.table import Reach
from include.streams.transactions.transaction import SECOND, Transaction

AT_ONCE = 10_000
"""Rows that a reader of the whole table takes at a time."""


class PostgresTransactionTable:
    """A ``TransactionTable`` over one connection; its caller has opened a transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Let nobody else load until the transaction ends."""
        self._connection.execute(query("transactions_lock"))

    def known(self, tx_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the rules of those that are in the table."""
        rows = self._connection.execute(query("transactions_known"), {"tx_ids": list(tx_ids)}).fetchall()
        return {tx_id: tuple(rules) for tx_id, rules in rows}

    def around(self, firsts: Sequence[Transaction], reach: Reach) -> Mapping[str, list[Known]]:
        """Return, by card, what is known around the first new transaction of each card, in order."""
        parameters = {
            "cards": [first.card for first in firsts],
            "seconds": [first.at // SECOND for first in firsts],
            "microseconds": [first.at % SECOND for first in firsts],
            "tx_ids": [first.tx_id for first in firsts],
            **reach._asdict(),
        }
        found: dict[str, list[Known]] = {}
        for *values, rules in self._connection.execute(query("transactions_around"), parameters, binary=True):
            one = Transaction(*values)
            found.setdefault(one.card, []).append(Known(one, tuple(rules)))
        for known in found.values():
            known.sort()
        return found

    def add(self, rows: pa.Table, batch_id: str, now: datetime) -> None:
        """Add transactions, by COPY into a table of the session and one statement from there."""
        days: list[Any] = rows.column("created_at").cast(pa.date32(), safe=False).unique().to_pylist()
        self._connection.execute(query("transactions_days"), {"days": sorted(days)})
        self._connection.execute(query("transactions_staging"))
        names = [*(name for name in rows.column_names if not name.startswith("_")), "exponent"]
        copying = f"COPY pg_temp.transactions_staging ({', '.join(names)}) FROM STDIN WITH (FORMAT csv)"
        with self._connection.cursor() as cursor, cursor.copy(copying.encode()) as copy:
            copy.write(_csv(rows))
        self._connection.execute(query("transactions_add"), {"batch_id": batch_id, "now": now})

    def amend(self, verdicts: Sequence[Verdict], now: datetime) -> None:
        """Put other rules in the place of those that known transactions broke."""
        if verdicts:
            parameters = {
                "tx_ids": [verdict.transaction.tx_id for verdict in verdicts],
                "rules": [_array(verdict.rules) for verdict in verdicts],
                "now": now,
            }
            self._connection.execute(query("transactions_amend"), parameters)

    def forget(self, midnight: datetime, limit: int | None) -> int:
        """Drop the partitions of the days before that midnight, and their ids bit by bit."""
        self._connection.execute(query("transactions_forget_days"), {"midnight": midnight})
        return self._connection.execute(
            query("transactions_forget_ids"), {"midnight": midnight, "limit": limit}
        ).rowcount

    def tx_ids(self) -> Iterable[str]:
        """Yield the ``tx_id`` of every row."""
        return self._tx_ids()

    def _tx_ids(self) -> Iterator[str]:
        with self._connection.transaction(), self._connection.cursor("tx_ids") as cursor:
            cursor.itersize = AT_ONCE
            for (tx_id,) in cursor.execute(query("transactions_tx_ids")):
                yield tx_id


def _csv(rows: pa.Table) -> bytes:
    """Return the rows as COPY reads them, lineage left out; Arrow writes them without a step for each row."""
    columns: dict[str, Any] = {name: rows.column(name) for name in rows.column_names if not name.startswith("_")}
    columns["fraud_rules"] = pa.array([_array(rules) for rules in columns["fraud_rules"].to_pylist()], pa.string())
    exponents = [EXPONENTS[currency] for currency in columns["currency"].to_pylist()]
    sink = BytesIO()
    table = pa.table({**columns, "exponent": pa.array(exponents, pa.int16())})
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False))
    return sink.getvalue()


def _array(rules: Sequence[str]) -> str:
    """Return an array as Postgres writes it; a rule's name has nothing to escape."""
    return f"{{{','.join(rules)}}}"
