"""Both ledgers keep the promises of `Compactions`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from include.adapters.object_store import InMemoryObjectStore
from include.compaction.contract import Compaction, Compactions, Kind, digest
from include.compaction.memory import InMemoryCompactions
from include.compaction.postgres import PostgresCompactions
from include.keys import HOUR, compacted_key
from include.ledger.memory import InMemoryLedger
from include.ledger.postgres import PostgresLedger, connected
from tests.include.compaction.publishing import Publisher

FIRST = datetime(2026, 3, 28, 23, tzinfo=UTC)
SECOND = FIRST + HOUR
NOW = FIRST + timedelta(hours=3)


@dataclass
class Pages:
    """The pages under test, and who publishes what they tell of."""

    compactions: Compactions
    publisher: Publisher

    def compact(self, hour: datetime = FIRST) -> Compaction:
        """Record the hour's object with all of its batches."""
        batches = self.compactions.batches("logs", hour)
        ids = [batch.batch_id for batch in batches]
        records = sum(batch.records for batch in batches)
        written = Compaction("logs", hour, compacted_key("logs", hour), len(ids), records, 10, digest(ids), NOW)
        with self.compactions.transaction():
            self.compactions.record(written, ids)
        return written

    def reading_list(self) -> list[tuple[str, int, Kind]]:
        """Return keys without their folders, records and kinds."""
        found = self.compactions.clean_objects("logs")
        return [(entry.object_key.rpartition("/")[2], entry.records, entry.kind) for entry in found]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def pages(request: pytest.FixtureRequest) -> Iterator[Pages]:
    """Yield empty pages."""
    store = InMemoryObjectStore()
    if request.param == "memory":
        ledger = InMemoryLedger()
        yield Pages(InMemoryCompactions(ledger), Publisher(ledger, store))
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        yield Pages(PostgresCompactions(connection), Publisher(PostgresLedger(connection), store))


def test_an_hour_is_the_partition_of_a_batchs_first_arrival(pages: Pages) -> None:
    """Batches of one hour are one compaction's work, whatever the minute."""
    for minutes in (0, 59, 60):
        pages.publisher.publish(FIRST + timedelta(minutes=minutes))
    assert pages.compactions.hours("logs", FIRST, NOW) == [FIRST, SECOND]
    assert pages.compactions.hours("logs", SECOND, NOW) == [SECOND]
    assert pages.compactions.hours("logs", FIRST, SECOND) == [FIRST]
    assert len(pages.compactions.batches("logs", FIRST)) == 2


def test_batches_come_in_the_order_of_their_sequence_numbers(pages: Pages) -> None:
    """As numbers: 200 comes before 1000."""
    for _ in range(12):
        pages.publisher.publish(FIRST)
    ids = [batch.batch_id for batch in pages.compactions.batches("logs", FIRST)]
    assert [int(batch_id[-16:], 16) for batch_id in ids] == [number * 100 for number in range(12)]


def test_only_published_batches_count(pages: Pages) -> None:
    """A quarantined batch is no part of clean/."""
    pages.publisher.publish(FIRST, quarantine=True)
    assert pages.compactions.uncovered("logs", NOW) == []
    assert pages.reading_list() == []


def test_a_replays_batches_do_not_count(pages: Pages) -> None:
    """Readers of `compacted/` see the live stream alone."""
    replay = Publisher(pages.publisher.ledger, pages.publisher.store, generation=1)
    replay.publish(FIRST)
    assert pages.compactions.uncovered("logs", NOW) == []
    assert pages.reading_list() == []


def test_an_hour_is_uncovered_until_each_of_its_batches_is_compacted(pages: Pages) -> None:
    """A late batch brings its hour back."""
    pages.publisher.publish(FIRST)
    assert pages.compactions.uncovered("logs", FIRST) == []
    assert pages.compactions.uncovered("logs", SECOND) == [FIRST]
    written = pages.compact()
    assert pages.compactions.uncovered("logs", SECOND) == []
    assert pages.compactions.compaction("logs", FIRST) == written
    pages.publisher.publish(FIRST)
    assert pages.compactions.uncovered("logs", SECOND) == [FIRST]


def test_the_reading_list_names_whole_hours_by_their_one_object(pages: Pages) -> None:
    """A covered hour is one object; an uncovered one is its small objects, even if an older object is there."""
    small = pages.publisher.publish(FIRST, 2)
    assert pages.reading_list() == [(f"{small}.parquet", 2, Kind.SMALL)]
    pages.compact()
    assert pages.reading_list() == [("logs-2026-03-28-23.parquet", 2, Kind.COMPACTED)]
    late = pages.publisher.publish(FIRST, 3)
    assert pages.reading_list() == [(f"{small}.parquet", 2, Kind.SMALL), (f"{late}.parquet", 3, Kind.SMALL)]
    pages.compact()
    assert pages.reading_list() == [("logs-2026-03-28-23.parquet", 5, Kind.COMPACTED)]


def test_a_sealed_hour_keeps_its_object_and_gets_late_batches_beside_it(pages: Pages) -> None:
    """What the object was made from may be gone, so it stays in the list whatever comes."""
    pages.publisher.publish(FIRST, 2)
    written = pages.compact()
    assert pages.compactions.seal(written, NOW)
    late = pages.publisher.publish(FIRST, 3)
    whole = ("logs-2026-03-28-23.parquet", 2, Kind.COMPACTED)
    assert pages.reading_list() == [(f"{late}.parquet", 3, Kind.SMALL), whole]
    pages.compactions.record_late(late, f"compacted/x/{late}.parquet")
    assert pages.reading_list() == [whole, (f"{late}.parquet", 3, Kind.LATE)]


def test_an_hour_with_a_batch_outside_its_object_is_not_sealed(pages: Pages) -> None:
    """Sealing it would freeze an object that is not whole."""
    pages.publisher.publish(FIRST)
    written = pages.compact()
    pages.publisher.publish(FIRST)
    assert not pages.compactions.seal(written, NOW)
    sealed = pages.compactions.compaction("logs", FIRST)
    assert sealed is not None
    assert sealed.sealed_at is None


def test_sealed_objects_are_not_looked_at_again(pages: Pages) -> None:
    """Only what may be written again is doubted."""
    pages.publisher.publish(FIRST)
    written = pages.compact()
    assert pages.compactions.compacted_since("logs", NOW) == [written]
    assert pages.compactions.compacted_since("logs", NOW + HOUR) == []
    pages.compactions.seal(written, NOW)
    assert pages.compactions.compacted_since("logs", NOW) == []


def test_a_failed_transaction_records_nothing(pages: Pages) -> None:
    """A compaction is known whole or not at all."""
    pages.publisher.publish(FIRST)

    def fail() -> None:
        with pages.compactions.transaction():
            pages.compact()
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        fail()
    assert pages.compactions.compaction("logs", FIRST) is None
    assert pages.compactions.uncovered("logs", NOW) == [FIRST]


@pytest.mark.integration
def test_an_hour_is_held_by_one_run_at_a_time(postgres_uri: str) -> None:
    """The second run walks away, and gets the hour once the first has committed; other hours are free."""
    with connected(postgres_uri) as one, connected(postgres_uri) as two:
        first, second = PostgresCompactions(one), PostgresCompactions(two)
        with first.transaction():
            assert first.take("logs", FIRST)
            assert not second.take("logs", FIRST)
            assert second.take("logs", SECOND)
        assert second.take("logs", FIRST)


@pytest.mark.integration
def test_the_partition_does_not_depend_on_the_sessions_zone(migrated_uri: str) -> None:
    """Half-hour zones cut the day elsewhere; the partitions are UTC's."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        connection.execute("set time zone 'Asia/Kolkata'")
        Publisher(PostgresLedger(connection), InMemoryObjectStore()).publish(FIRST + timedelta(minutes=45))
        assert PostgresCompactions(connection).uncovered("logs", NOW) == [FIRST]
