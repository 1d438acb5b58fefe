"""A day's figures: whole before they are told, brought up again for what comes late, and logged with their rows."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
import pytest

from include.errors import ConfigurationError, TransientError
from include.ledger.postgres import PostgresLedger
from include.records import Shard
from include.reports.day import Day
from include.streams.transactions.daily import summarise
from include.streams.transactions.judge import Verdict
from include.streams.transactions.table_postgres import PostgresTransactionTable
from include.streams.transactions.transaction import transactions
from tests.include.streams.transactions.staging import row, staged

BERLIN = ZoneInfo("Europe/Berlin")
DAY = Day(date(2026, 3, 29), "Europe/Berlin")
"""The day that lost an hour."""
MORNING = datetime(2026, 3, 30, 0, 20, tzinfo=BERLIN).astimezone(UTC)


@pytest.fixture
def database(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database with an open shard of the stream that nothing was drained of."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        PostgresLedger(connection).register("transactions", [Shard("shard")], None, MORNING)
        yield connection


def drained_to(database: psycopg.Connection, at: datetime) -> None:
    """Note that everything that arrived until then is drained."""
    PostgresLedger(database).catch_up("transactions", {"shard": at})


def load(database: psycopg.Connection, *rows: dict[str, Any], at: datetime = MORNING, rules: str = "") -> None:
    """Load rows that were processed at that time, all with the same rule broken or none."""
    broken = pa.array([[rules] if rules else [] for _ in rows], pa.list_(pa.string()))
    with database.transaction():
        PostgresTransactionTable(database).add(staged(rows).append_column("fraud_rules", broken), "batch", at)


def made_at(number: int, at: datetime, **changes: Any) -> dict[str, Any]:
    """Return a transaction of that time."""
    return row(number, **({"created_at": at} | changes))


def figures(database: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return the summary's main columns in order."""
    return database.execute(
        "select day, currency, transactions, amount, cards, fraud, fraud_amount, fraud_by_rule"
        " from cali.daily_transaction_summary order by day, currency"
    ).fetchall()


def completions(database: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return what was logged of the pipeline."""
    return database.execute(
        "select covers_from, covers_to, completed_at from cali.pipeline_completion_log"
        " where pipeline_name = 'transactions_daily'"
    ).fetchall()


@pytest.mark.integration
def test_a_day_is_summed_up_by_currency_and_by_the_clock_on_the_wall(database: psycopg.Connection) -> None:
    """From midnight to midnight in Berlin, which are 23 hours on that day; amounts are exact."""
    inside = [made_at(1, DAY.start), made_at(2, DAY.end - timedelta(microseconds=1), card_token="b" * 32)]
    outside = [made_at(3, DAY.start - timedelta(microseconds=1)), made_at(4, DAY.end)]
    load(database, *inside, *outside, made_at(5, DAY.start, currency="JPY", amount=700))
    load(database, made_at(6, DAY.start, amount=1), rules="velocity")
    drained_to(database, MORNING)
    assert summarise(database, DAY, "run", MORNING) == [date(2026, 3, 28), DAY.date]
    assert figures(database)[1:] == [
        (DAY.date, "EUR", 3, Decimal("100.01"), 2, 1, Decimal("0.01"), {"velocity": 1}),
        (DAY.date, "JPY", 1, Decimal(700), 1, 0, Decimal(0), {}),
    ]
    assert DAY.end - DAY.start == timedelta(hours=23)
    assert completions(database) == [(DAY.start, DAY.end, MORNING)]


@pytest.mark.integration
def test_a_day_that_is_not_loaded_is_not_told(database: psycopg.Connection) -> None:
    """Neither while nothing is known of the stream, nor while it is drained up to a moment before midnight."""
    load(database, made_at(1, DAY.start))
    for reached in (None, DAY.end - timedelta(seconds=1)):
        if reached:
            drained_to(database, reached)
        with pytest.raises(TransientError, match="2026-03-29 is not complete: transactions"):
            summarise(database, DAY, "run", MORNING)
    assert (figures(database), completions(database)) == ([], [])
    drained_to(database, DAY.end)
    summarise(database, DAY, "run", MORNING)
    assert len(completions(database)) == 1


@pytest.mark.integration
def test_what_comes_late_or_turns_out_to_be_fraud_brings_its_day_up_again(database: psycopg.Connection) -> None:
    """The next day's run finds it, and leaves days alone for which nothing came."""
    load(
        database,
        made_at(1, DAY.start),
        made_at(2, DAY.start - timedelta(days=1)),
        made_at(3, DAY.start - timedelta(days=3)),
        at=MORNING - timedelta(hours=2),
    )
    drained_to(database, MORNING)
    summarise(database, DAY, "first", MORNING)
    later = MORNING + timedelta(days=1)
    load(database, made_at(4, DAY.start), at=later)
    fraud = transactions(staged([made_at(2, DAY.start - timedelta(days=1))]))[0]
    PostgresTransactionTable(database).amend([Verdict(fraud, ("amount",), {})], later)
    drained_to(database, later)
    summed = summarise(database, Day(date(2026, 3, 30), "Europe/Berlin"), "second", later)
    assert summed == [date(2026, 3, 28), DAY.date]
    assert [(day.day, count, suspected) for day, _, count, _, _, suspected, *_ in figures(database)] == [
        (26, 1, 0),
        (28, 1, 1),
        (29, 2, 0),
    ]


@pytest.mark.integration
def test_the_same_run_again_changes_nothing(database: psycopg.Connection) -> None:
    """A retry after a lost answer."""
    load(database, made_at(1, DAY.start))
    drained_to(database, MORNING)
    for _ in range(2):
        summarise(database, DAY, "run", MORNING)
    assert (len(figures(database)), len(completions(database))) == (1, 1)


@pytest.mark.integration
def test_figures_of_a_day_that_is_partly_gone_stay_as_they_are(database: psycopg.Connection) -> None:
    """Neither a late transaction nor somebody who asks for that day puts a part in the place of the whole."""
    old = Day(DAY.date - timedelta(days=30), "Europe/Berlin")
    load(database, made_at(1, old.start), made_at(2, old.end - timedelta(hours=1)), made_at(3, DAY.start))
    drained_to(database, MORNING)
    summarise(database, DAY, "first", MORNING)
    whole, kept = figures(database), timedelta(days=22)
    with database.transaction():
        assert PostgresTransactionTable(database).forget(old.end - timedelta(hours=2), None) == 1
    later = MORNING + timedelta(hours=1)
    load(database, made_at(4, old.end - timedelta(hours=1)), at=later)
    drained_to(database, later)
    assert summarise(database, DAY, "second", later, kept) == [DAY.date]
    assert figures(database) == whole
    with pytest.raises(ConfigurationError, match="2026-02-27 may be gone already: CALI_RETENTION_TABLES_DAYS"):
        summarise(database, old, "third", later, kept)
