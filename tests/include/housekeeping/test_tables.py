"""Streams' own tables lose whole days past their retention, and never what the stream still looks at."""

from datetime import datetime, timedelta

import psycopg
import pytest

from include import streams
from include.errors import ConfigurationError
from include.housekeeping.postgres import Purges
from include.housekeeping.settings import Retention
from include.housekeeping.tables import forget_events, kept_for
from include.streams.transactions.load import TransactionLoader
from include.streams.transactions.settings import FraudSettings
from include.streams.transactions.table_postgres import PostgresTransactionTable
from tests.include.streams.transactions.staging import NOW, row, staged

DAY_S = 86_400
PARTITIONS = (
    "select inhrelid::regclass::text from pg_inherits where inhparent = 'cali.transactions'::regclass order by 1"
)
KEPT = Retention(tables_days=30)


def later() -> datetime:
    """Return an instant thirty days after the noon of the second day that was loaded."""
    return NOW + timedelta(days=30)


@pytest.mark.integration
def test_whole_days_past_their_retention_go(migrated_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run says how many and keeps them; then they go in chunks, and the day that is not over for it stays."""
    monkeypatch.setattr("include.housekeeping.tables.EVENTS_AT_ONCE", 2)
    stream = streams.get("transactions")
    rows = [row(number, card=number, at_s=-DAY_S * (number < 5) - number) for number in range(8)]
    with psycopg.connect(migrated_uri, autocommit=True) as database:
        with database.transaction():
            loader = TransactionLoader(PostgresTransactionTable(database), FraudSettings())
            loader.load(staged(rows), "batch", NOW, replayed=False)
        assert forget_events(stream, Purges(database, dry_run=True), KEPT, later) == 5
        assert len(database.execute(PARTITIONS).fetchall()) == 2
        assert forget_events(stream, Purges(database), KEPT, later) == 5
        assert database.execute(PARTITIONS).fetchall() == [("cali.transactions_20260301",)]
        assert sorted(loader.loaded()) == ["tx-0005", "tx-0006", "tx-0007"]
        assert database.execute("select count(*) from cali.transaction_ids").fetchone() == (3,)
        assert forget_events(stream, Purges(database), Retention(tables_days=0), later) == 0


def test_history_that_the_rules_need_is_never_past_its_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week's late ones, twice the history behind them, and the rest of a day: 22 days with the defaults."""
    stream = streams.get("transactions")
    assert kept_for(stream, Retention(tables_days=22)) == timedelta(days=22)
    with pytest.raises(ConfigurationError, match=r"CALI_RETENTION_TABLES_DAYS .* 21.5 days, but 22 days"):
        kept_for(stream, Retention(tables_days=21.5))
    monkeypatch.setenv("CALI_FRAUD_HISTORY_DAYS", "90")
    with pytest.raises(ConfigurationError, match="but 188 days"):
        kept_for(stream, Retention())
    assert kept_for(stream, Retention(tables_days=0)) is None


def test_a_stream_without_a_table_has_nothing_to_forget() -> None:
    """However short the retention is."""
    assert kept_for(streams.get("logs"), Retention(tables_days=1)) is None
