"""``TransactionTable`` in memory, for tests; it obeys the same contract test as Postgres'."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from include.streams.transactions.judge import DAY, Known, Verdict
from include.streams.transactions.table import Reach
from include.streams.transactions.transaction import EPOCH, Transaction, transactions


class InMemoryTransactionTable:
    """Each card's transactions in order, and every transaction's rules."""

    def __init__(self) -> None:
        self.rules: dict[str, tuple[str, ...]] = {}
        self._cards: dict[str, list[Transaction]] = {}

    def lock(self) -> None:
        """Do nothing: nobody else is there."""

    def known(self, tx_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the rules of those that are in the table."""
        return {tx_id: self.rules[tx_id] for tx_id in tx_ids if tx_id in self.rules}

    def around(self, firsts: Sequence[Transaction], reach: Reach) -> Mapping[str, list[Known]]:
        """Return, by card, what is known around the first new transaction of each card, in order."""
        return {first.card: self._around(first, reach) for first in firsts if first.card in self._cards}

    def _around(self, first: Transaction, reach: Reach) -> list[Known]:
        kept = self._cards[first.card]
        at = bisect_left(kept, first)
        before = [one for one in kept[max(0, at - reach.rows_before) : at] if one.at >= first.at - reach.days * DAY]
        return [Known(one, self.rules[one.tx_id]) for one in [*before, *kept[at : at + reach.rows_behind]]]

    def add(self, rows: pa.Table, batch_id: str, now: datetime) -> None:  # noqa: ARG002
        """Add transactions."""
        broken: list[Any] = rows.column("fraud_rules").to_pylist()
        for one, rules in zip(transactions(rows), broken, strict=True):
            self.rules[one.tx_id] = tuple(rules)
            insort(self._cards.setdefault(one.card, []), one)

    def amend(self, verdicts: Sequence[Verdict], now: datetime) -> None:  # noqa: ARG002
        """Put other rules in the place of those that known transactions broke."""
        self.rules.update({verdict.transaction.tx_id: verdict.rules for verdict in verdicts})

    def forget(self, midnight: datetime, limit: int | None) -> int:
        """Remove what was made before that midnight."""
        at = (midnight - EPOCH) // timedelta(microseconds=1)
        gone = [one.tx_id for kept in self._cards.values() for one in kept if one.at < at][:limit]
        for tx_id in gone:
            del self.rules[tx_id]
        self._cards = {card: [one for one in kept if one.tx_id in self.rules] for card, kept in self._cards.items()}
        return len(gone)

    def tx_ids(self) -> Iterable[str]:
        """Yield the ``tx_id`` of every row."""
        return iter(self.rules)
