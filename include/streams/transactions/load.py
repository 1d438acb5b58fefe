"""Judge a batch's transactions with what is known of their cards, and put them into the table."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from include.streams.loading import Loaded
from include.streams.transactions.judge import Known, Verdict, judge_anew, judge_card
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.table import Reach, TransactionTable
from include.streams.transactions.transaction import EPOCH, Transaction, transactions

EVERYTHING = 1_000_000
"""Rows behind a late transaction: all that there may be."""
ALERT_FIELDS: "list[pa.Field[Any]]" = [
    pa.field("fraud_rules", pa.list_(pa.string())),
    pa.field("reason", pa.string()),
]
"""What loading adds to a staged row: the rules that are news, and the foremost one's reason."""


class TransactionLoader:
    """The transactions' ``Loader``, over a table of them."""

    def __init__(self, table: TransactionTable, settings: FraudSettings) -> None:
        self._table = table
        self._settings = settings

    def load(self, staged: pa.Table, batch_id: str, now: datetime, *, replayed: bool) -> Loaded:
        """Add what is new, with its verdict, and amend what is known of earlier transactions.

        A ``tx_id`` that is known, or comes a second time in the batch, is the same transaction sent again: the first
        one stays, whatever the other says.
        """
        self._table.lock()
        everything = transactions(staged)
        known = self._table.known([one.tx_id for one in everything])
        fresh = _firsts(everything, known)
        verdicts = self._judged([everything[row] for row in fresh.values()])
        new = staged.take(pa.array(fresh.values(), pa.int64()))
        rules = [list(verdicts[tx_id].rules) for tx_id in fresh]
        if fresh:
            self._table.add(new.append_column("fraud_rules", pa.array(rules, pa.list_(pa.string()))), batch_id, now)
        amended = [verdict for tx_id, verdict in verdicts.items() if tx_id not in fresh]
        self._table.amend(amended, now)
        told = {tx_id: verdicts[tx_id] for tx_id in fresh}
        if replayed:
            told |= {tx_id: Verdict(everything[0], rules, {}) for tx_id, rules in known.items()}
        # Popped: of a transaction that comes twice in the batch, the first one speaks.
        rows = _with_verdicts(staged, [told.pop(one.tx_id, None) for one in everything])
        return Loaded(rows, _beside(rows, everything, amended))

    def forget(self, before: datetime, limit: int | None) -> int:
        """Remove transactions of days that were over at ``before``."""
        self._table.lock()
        return self._table.forget(before.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0), limit)

    def loaded(self) -> Iterable[str]:
        """Yield the ``tx_id`` of every transaction in the table."""
        return self._table.tx_ids()

    def _judged(self, fresh: Sequence[Transaction]) -> dict[str, Verdict]:
        """Return the verdicts of new transactions, and of those whose verdict they change, by ``tx_id``."""
        cards: dict[str, list[Transaction]] = {}
        for one in sorted(fresh):
            cards.setdefault(one.card, []).append(one)
        rows, days = self._settings.history_rows, self._settings.history_days
        around = self._table.around([own[0] for own in cards.values()], Reach(rows, 1, days))
        late = [own[0] for card, own in cards.items() if _has_later(own[0], around.get(card, ()))]
        wide = self._table.around(late, Reach(2 * rows, EVERYTHING, 2 * days)) if late else {}
        verdicts: dict[str, Verdict] = {}
        for card, own in cards.items():
            judged = (
                judge_anew(own, wide[card], self._settings)
                if card in wide
                else judge_card(own, around.get(card, ()), self._settings)
            )
            verdicts.update({verdict.transaction.tx_id: verdict for verdict in judged})
        return verdicts


def _firsts(everything: Sequence[Transaction], known: Mapping[str, object]) -> dict[str, int]:
    """Return the row at which each transaction that is not known comes first, by ``tx_id``."""
    firsts: dict[str, int] = {}
    for row, one in enumerate(everything):
        if one.tx_id not in known:
            firsts.setdefault(one.tx_id, row)
    return firsts


def _has_later(first: Transaction, around: Sequence[Known]) -> bool:
    return bool(around) and around[-1].transaction > first


def _with_verdicts(rows: pa.Table, verdicts: Sequence[Verdict | None]) -> pa.Table:
    rules = [list(verdict.rules) if verdict else [] for verdict in verdicts]
    reasons = [verdict.new.get(verdict.rules[0]) if verdict and verdict.rules else None for verdict in verdicts]
    rows = rows.append_column(ALERT_FIELDS[0], pa.array(rules, ALERT_FIELDS[0].type))
    return rows.append_column(ALERT_FIELDS[1], pa.array(reasons, ALERT_FIELDS[1].type))


def _beside(rows: pa.Table, everything: Sequence[Transaction], amended: Sequence[Verdict]) -> pa.Table:
    """Return known transactions that have turned out to be suspicious as rows, each in the place of what showed it."""
    last = {one.card: row for row, one in enumerate(everything)}
    news = [verdict for verdict in amended if verdict.new]
    table = rows.take(pa.array([last[verdict.transaction.card] for verdict in news], pa.int64()))
    values: dict[str, list[object]] = {
        "tx_id": [verdict.transaction.tx_id for verdict in news],
        "amount": [verdict.transaction.amount for verdict in news],
        "currency": [verdict.transaction.currency for verdict in news],
        "merchant_id": [verdict.transaction.merchant for verdict in news],
        "country": [verdict.transaction.country for verdict in news],
        "created_at": [EPOCH + timedelta(microseconds=verdict.transaction.at) for verdict in news],
        "fraud_rules": [[rule for rule in verdict.rules if rule in verdict.new] for verdict in news],
        "reason": [next(verdict.new[rule] for rule in verdict.rules if rule in verdict.new) for verdict in news],
    }
    for name, column in values.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(column, table.schema.field(at).type))
    return table
