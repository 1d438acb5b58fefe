"""The contract of the table of transactions: Postgres and its twin in memory answer alike."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from include.streams.transactions.judge import Known, Verdict
from include.streams.transactions.load import TransactionLoader
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.table import Reach, TransactionTable
from include.streams.transactions.table_memory import InMemoryTransactionTable
from include.streams.transactions.table_postgres import PostgresTransactionTable
from include.streams.transactions.transaction import Transaction, transactions
from tests.include.streams.transactions.staging import NOW, row, staged
from tests.include.streams.transactions.test_load import course

DAY_S = 86_400


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def table(request: pytest.FixtureRequest) -> Iterator[TransactionTable]:
    """Yield an empty table, in an open transaction."""
    if request.param == "memory":
        yield InMemoryTransactionTable()
        return
    with psycopg.connect(request.getfixturevalue("migrated_uri")) as connection:
        yield PostgresTransactionTable(connection)


@pytest.fixture
def database(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        yield connection


def add(table: TransactionTable, *rows: dict[str, Any], rules: Mapping[str, list[str]] | None = None) -> None:
    """Add rows with the rules that they broke."""
    broken = [(rules or {}).get(one["tx_id"], []) for one in rows]
    table.lock()
    table.add(staged(rows).append_column("fraud_rules", pa.array(broken, pa.list_(pa.string()))), "batch", NOW)


def seen(one: dict[str, Any]) -> Transaction:
    """Return a row as the rules see it."""
    return transactions(staged([one]))[0]


def test_what_was_added_is_known_by_its_id(table: TransactionTable) -> None:
    """With its rules, and nothing else is."""
    add(table, row(1), row(2, at_s=-3 * DAY_S), rules={"tx-0002": ["amount", "velocity"]})
    assert table.known(["tx-0001", "tx-0002", "tx-0003"]) == {"tx-0001": (), "tx-0002": ("amount", "velocity")}
    assert sorted(table.tx_ids()) == ["tx-0001", "tx-0002"]


def test_history_is_the_newest_before_and_the_oldest_behind(table: TransactionTable) -> None:
    """Of that card alone, in order, by time and then by id, across the days' partitions."""
    hours = [-50, -25, -1, 0, 0, 1, 30]
    rows = [row(number, at_s=3_600 * hour) for number, hour in enumerate(hours)]
    add(table, *rows, row(99, card=1), rules={"tx-0002": ["amount"]})
    first = seen(row(3, at_s=0) | {"tx_id": "tx-0003b"})
    expected = [Known(seen(one), ("amount",) if number == 2 else ()) for number, one in enumerate(rows)]
    assert table.around([first], Reach(2, 1, 7)) == {first.card: [*expected[2:4], expected[4]]}
    assert table.around([first], Reach(10, 10, 7)) == {first.card: expected}
    assert table.around([first], Reach(10, 0, 1)) == {first.card: expected[2:4]}


def test_a_card_that_is_not_known_has_no_history(table: TransactionTable) -> None:
    """Nor has anybody where nothing was asked."""
    assert not table.around([seen(row(1))], Reach(5, 5, 7))
    assert not table.around([], Reach(5, 5, 7))


def test_rules_can_be_put_in_the_place_of_others(table: TransactionTable) -> None:
    """None among them."""
    add(table, row(1), row(2), rules={"tx-0001": ["amount"]})
    table.amend([Verdict(seen(row(1)), (), {}), Verdict(seen(row(2)), ("velocity",), {})], NOW)
    assert table.known(["tx-0001", "tx-0002"]) == {"tx-0001": (), "tx-0002": ("velocity",)}


def test_what_was_made_before_a_midnight_can_be_forgotten_bit_by_bit(table: TransactionTable) -> None:
    """With its ids, and nothing behind it; what is forgotten is no history any more."""
    midnight = NOW.replace(hour=0)
    rows = [row(number, at_s=-3_600 * hours) for number, hours in enumerate([60, 37, 13, 12, 1])]
    add(table, *rows)
    counts = [table.forget(midnight, 2), table.forget(midnight, 2), table.forget(midnight, 2)]
    assert counts == [2, 1, 0]
    assert sorted(table.tx_ids()) == ["tx-0003", "tx-0004"]
    assert set(table.known([one["tx_id"] for one in rows])) == {"tx-0003", "tx-0004"}
    first = seen(row(9))
    assert [known.transaction.tx_id for known in table.around([first], Reach(9, 9, 9))[first.card]] == [
        "tx-0003",
        "tx-0004",
    ]
    add(table, *rows[:3])
    assert len(list(table.tx_ids())) == len(rows)


@pytest.mark.parametrize("batch", [1, 13, 100])
def test_both_tables_give_the_same_verdicts(table: TransactionTable, batch: int) -> None:
    """Whatever is in memory is in Postgres."""
    rows, twin = course(3), InMemoryTransactionTable()
    TransactionLoader(twin, FraudSettings()).load(staged(rows), "all", NOW, replayed=False)
    for begin in range(0, len(rows), batch):
        TransactionLoader(table, FraudSettings()).load(
            staged(rows[begin : begin + batch]), f"b-{begin}", NOW, replayed=False
        )
    assert table.known([one["tx_id"] for one in rows]) == twin.rules


@pytest.mark.integration
def test_a_row_reads_as_it_was_sent(database: psycopg.Connection) -> None:
    """Amounts are exact in every currency, texts keep their characters, and fraud is a column."""
    rows = [
        row(1, amount=1_234, merchant='Bäckerei, "Zur Mühle"\nHamburg \\N'),
        row(2, amount=1_234, currency="JPY"),
        row(3, amount=1_234, currency="KWD"),
    ]
    with database.transaction():
        add(PostgresTransactionTable(database), *rows, rules={"tx-0002": ["amount"]})
    found = database.execute(
        "select tx_id, amount::text, merchant, created_at, is_fraud, batch_id, processed_at from cali.transactions"
        " order by tx_id"
    ).fetchall()
    assert found == [
        ("tx-0001", "12.34", 'Bäckerei, "Zur Mühle"\nHamburg \\N', NOW, False, "batch", NOW),
        ("tx-0002", "1234", "A shop", NOW, True, "batch", NOW),
        ("tx-0003", "1.234", "A shop", NOW, False, "batch", NOW),
    ]


@pytest.mark.integration
def test_an_id_is_unique_over_all_days(database: psycopg.Connection) -> None:
    """The same id with another day's time is not a second transaction, whoever adds it."""
    table = PostgresTransactionTable(database)
    for created_at in (NOW, NOW + timedelta(days=2)):
        with database.transaction():
            add(table, row(1) | {"created_at": created_at})
    assert database.execute("select count(*), min(created_at) from cali.transactions").fetchone() == (1, NOW)


@pytest.mark.integration
def test_each_day_has_a_partition_of_its_own(database: psycopg.Connection) -> None:
    """A day in UTC; what is asked of one day looks at one partition."""
    with database.transaction():
        add(PostgresTransactionTable(database), row(1, at_s=-13 * 3_600), row(2), row(3, at_s=12 * 3_600))
    counted = database.execute(
        "select tableoid::regclass::text, count(*) from cali.transactions group by 1 order by 1"
    ).fetchall()
    assert counted == [
        ("cali.transactions_20260228", 1),
        ("cali.transactions_20260301", 1),
        ("cali.transactions_20260302", 1),
    ]


@pytest.mark.integration
def test_loads_wait_for_each_other(migrated_uri: str) -> None:
    """Otherwise two batches of one card would each be judged without the other."""
    with psycopg.connect(migrated_uri) as one, psycopg.connect(migrated_uri) as other:
        PostgresTransactionTable(one).lock()
        other.execute("set local lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            PostgresTransactionTable(other).lock()
