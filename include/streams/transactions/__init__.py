"""The stream of card transactions: what was bought with which card, and which of it looks like fraud."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from include.alerts.event import AlertEvent
from include.alerts.filtering import FilterRules
from include.streams.fields import identity_of
from include.streams.loading import Loader
from include.streams.stream import Stream
from include.streams.transactions.cards import card_key
from include.streams.transactions.currencies import EXPONENTS
from include.streams.transactions.load import TransactionLoader
from include.streams.transactions.model import SCHEMA, CardTransaction, to_columns
from include.streams.transactions.settings import fraud_settings
from include.streams.transactions.suite import transactions_suite

if TYPE_CHECKING:
    import psycopg

OLDEST = timedelta(days=7)
"""A terminal without a line hands in what it took within days; a week covers a long outage as well."""
TITLES = {
    "velocity": "Too many transactions in a short time",
    "merchant_ring": "The same amount at several merchants",
    "test_then_big": "A large amount after a test",
    "impossible_travel": "A country that the card cannot have reached",
    "amount": "Far more than the card's usual amount",
    "night_burst": "Several transactions at night",
}


def loader(connection: "psycopg.Connection") -> Loader:
    """Return what puts transactions into Postgres."""
    from include.streams.transactions.table_postgres import PostgresTransactionTable  # noqa: PLC0415 - only where it is

    return TransactionLoader(PostgresTransactionTable(connection), fraud_settings())


def looks_back() -> timedelta:
    """Return how old a transaction may be and still belong to a card's history.

    The oldest that may still arrive is judged with those before it, twice as far back where others lie behind it
    (``judge_anew``); and days go whole.
    """
    return OLDEST + timedelta(days=2 * fraud_settings().history_days + 1)


def suspicious(table: pa.Table, rules: FilterRules) -> pa.BooleanArray:  # noqa: ARG001 - no level, no keyword
    """Mark the loaded rows in which a fraud rule has found something new."""
    return pa.array([bool(broken) for broken in table.column("fraud_rules").to_pylist()], pa.bool_())


def to_alert(row: Mapping[str, Any]) -> AlertEvent:
    """Turn a suspicious transaction into what alerts are made of: a group for each card and its foremost rule."""
    rule, card = row["fraud_rules"][0], row["card_token"]
    exponent = EXPONENTS[row["currency"]]
    amount = f"{row['amount'] / 10**exponent:,.{exponent}f} {row['currency']}"
    others = f" (also {', '.join(row['fraud_rules'][1:])})" if row["fraud_rules"][1:] else ""
    title = f"{TITLES[rule]}: card {card[:8]} ending {row['card_last4']}"
    return AlertEvent(
        stream="transactions",
        severity="ERROR",
        service=rule,
        title=title,
        message=f"{row['reason'] or TITLES[rule]}{others}\n{amount} at {row['merchant_id']} in {row['country']}\n"
        f"transaction {row['tx_id']}",
        stack_trace=None,
        occurred_at=row["created_at"],
        arrived_at=row["_arrived_at"],
        identity=identity_of(row),
        group_by=("fraud", card, rule),
    )


STREAM = Stream(
    name="transactions",
    model=CardTransaction,
    schema=SCHEMA,
    to_columns=to_columns,
    event_time="created_at",
    oldest_event=OLDEST,
    clock_ahead=timedelta(minutes=15),
    suite=transactions_suite,
    alertable=suspicious,
    alert_columns=(
        *("card_token", "card_last4", "tx_id", "amount", "currency", "merchant_id", "country", "created_at"),
        *("fraud_rules", "reason"),
    ),
    to_alert=to_alert,
    loader=loader,
    looks_back=looks_back,
    ready=lambda: (card_key(), fraud_settings()),
)
