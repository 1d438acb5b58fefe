"""The Protocol of ``cali.transactions``; ``table_postgres`` and ``table_memory`` keep it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import pyarrow as pa

from include.streams.transactions.judge import Known, Verdict
from include.streams.transactions.transaction import Transaction


class Reach(NamedTuple):
    """How much of a card's history is wanted: rows before an instant and from it on, and from how many days back."""

    rows_before: int
    rows_behind: int
    days: int


class TransactionTable(Protocol):
    """Transactions with their verdicts, each ``tx_id`` once. All calls for a batch are made in one transaction.

    ``lock`` makes others wait until the transaction ends: what a batch is judged by is what is there.
    """

    def lock(self) -> None:
        """Let nobody else load until the transaction ends."""
        ...

    def known(self, tx_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the rules that transactions broke, by ``tx_id``, of those that are in the table."""
        ...

    def around(self, firsts: Sequence[Transaction], reach: Reach) -> Mapping[str, list[Known]]:
        """Return, by card, what is known around the first new transaction of each card, in order.

        The newest ``rows_before`` of those before it, no older than ``days``, and the oldest ``rows_behind`` behind it.
        """
        ...

    def add(self, rows: pa.Table, batch_id: str, now: datetime) -> None:
        """Add transactions: the columns of the staged schema, and ``fraud_rules`` (lists of texts)."""
        ...

    def amend(self, verdicts: Sequence[Verdict], now: datetime) -> None:
        """Put other rules in the place of those that known transactions broke; they are processed anew."""
        ...

    def forget(self, midnight: datetime, limit: int | None) -> int:
        """Remove what was made before that midnight (UTC), ids at most ``limit``; return how many ids."""
        ...

    def tx_ids(self) -> Iterable[str]:
        """Yield the ``tx_id`` of every row."""
        ...
