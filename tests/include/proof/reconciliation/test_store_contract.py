"""Both stores keep the Protocol's promises."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.ledger.ledger import Audited, DeadLetterGroup, Ledger, Stage, Validated
from include.ledger.memory import InMemoryLedger
from include.ledger.postgres import PostgresLedger, connected
from include.process.work import LEASE
from include.proof.reconciliation.store import PostgresReconciliationStore, Reconciliation, ReconciliationStore
from include.proof.reconciliation.store_memory import InMemoryReconciliationStore
from include.records import MicroBatch
from tests.include.proof.reconciliation.world import DAY, FIRST, NOON, SECOND

MINUTE = timedelta(minutes=1)


@dataclass
class Database:
    """A ledger and the store over it; ``purge`` writes what housekeeping would."""

    ledger: Ledger
    store: ReconciliationStore
    connection: Any = None

    def purge(self, key: str, reason: str) -> None:
        if self.connection is None:
            assert isinstance(self.store, InMemoryReconciliationStore)
            if reason == "retention":
                self.store.gone[key] = NOON
            return
        query = "insert into cali.purges (object_key, room, reason, decided_at) values (%s, 'raw', %s, %s)"
        self.connection.execute(query, [key, reason, NOON])

    def saved(self) -> list[tuple[str, int]]:
        """Return run and differences of each row."""
        if self.connection is None:
            assert isinstance(self.store, InMemoryReconciliationStore)
            return [(row.run_id, row.differences) for row in self.store.saved.values()]
        return list(self.connection.execute("select run_id, differences::int from cali.reconciliations order by id"))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Yield an empty database."""
    if request.param == "memory":
        ledger = InMemoryLedger()
        yield Database(ledger, InMemoryReconciliationStore(ledger))
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        yield Database(PostgresLedger(connection), PostgresReconciliationStore(connection), connection)


def batch(number: int, arrived_at: datetime = NOON, **fields: Any) -> MicroBatch:
    """Return a batch of ten sequence numbers' width, whose names are of the number."""
    values: dict[str, Any] = {
        "batch_id": f"batch-{number}",
        "stream": "logs",
        "shard_id": FIRST,
        "first_sequence_number": str(number * 10),
        "first_sub_sequence": 0,
        "last_sequence_number": str(number * 10 + 9),
        "last_sub_sequence": 2,
        "records": 3,
        "bytes": 300,
        "sha256": "0" * 64,
        "first_arrived_at": arrived_at,
        "last_arrived_at": arrived_at + MINUTE,
        "raw_key": f"raw/{number}",
    }
    return MicroBatch(**(values | fields))


def write(database: Database, *batches: MicroBatch) -> None:
    """Let the ledger have the batches."""
    for one in batches:
        database.ledger.open_batch(one, "run", NOON)


def ids(database: Database) -> list[str]:
    """Return what the store returns of the first shard's day, by number."""
    found = database.store.batches("logs", FIRST, DAY)
    return sorted(one.batch_id for one in found)


def test_a_span_holds_its_first_instant_and_not_its_last(database: Database) -> None:
    """Batches are counted by the arrival of their first record."""
    write(database, batch(1, DAY.start - MINUTE), batch(2, DAY.start), batch(3, DAY.end - MINUTE), batch(4, DAY.end))
    write(database, batch(5, DAY.start, shard_id=SECOND), batch(6, NOON, stream="other"))
    assert database.store.shards("logs", DAY) == {FIRST: 2, SECOND: 1}


def test_a_shards_batches_come_with_their_neighbours(database: Database) -> None:
    """The last batch before the span and the first behind it, and none that is further away."""
    before, behind = (
        (batch(n, DAY.start - MINUTE / n) for n in (1, 2)),
        (batch(n, DAY.end + MINUTE * n) for n in (8, 9)),
    )
    write(database, *before, batch(5), *behind, batch(6, shard_id=SECOND), batch(7, stream="other"))
    assert ids(database) == ["batch-2", "batch-5", "batch-8"]


def test_neighbours_that_arrived_together_are_told_apart_by_number(database: Database) -> None:
    """Sequence numbers are compared as numbers: 100 comes behind 90."""
    early, late = DAY.start - MINUTE, DAY.end
    write(database, batch(9, early), batch(10, early), batch(95, late), batch(100, late))
    assert ids(database) == ["batch-10", "batch-95"]


def test_a_replays_batches_are_left_out(database: Database) -> None:
    """They are another account of the same records."""
    write(database, batch(1), batch(2, generation=1), batch(3, DAY.end, generation=1))
    assert ids(database) == ["batch-1"]
    assert database.store.shards("logs", DAY) == {FIRST: 1}


def test_a_redriven_batch_names_its_origin_and_is_nobodys_neighbour(database: Database) -> None:
    """It shares its sequence numbers with the batch that it came from."""
    write(database, batch(1), batch(8, DAY.end))
    redriven = batch(1, batch_id="batch-1-again", raw_key="raw/1-again", origin_batch_id="batch-1")
    write(database, redriven, replace(redriven, batch_id="z", raw_key="z", first_arrived_at=DAY.end))
    write(database, replace(redriven, batch_id="a", raw_key="a", first_arrived_at=DAY.start - MINUTE))
    origins = {one.batch_id: one.origin_batch_id for one in database.store.batches("logs", FIRST, DAY)}
    assert origins == {"batch-1": None, "batch-1-again": "batch-1", "batch-8": None}
    assert database.store.shards("logs", DAY) == {FIRST: 2}


def test_a_batch_comes_as_its_stages_left_it(database: Database) -> None:
    """Counts and keys of every stage, and None before it."""
    write(database, batch(1))
    (drained,) = database.store.batches("logs", FIRST, DAY)
    assert (drained.state, drained.valid, drained.finished) == ("drained", None, False)
    (claim,) = database.ledger.claim("logs", Stage.VALIDATE, "run", 1, LEASE, NOON)
    letters = [DeadLetterGroup("validate", "missing", 1, "level: Field required")]
    database.ledger.complete_validate(claim, Validated(2, "staged/1", "dlq/1", letters), NOON)
    (claim,) = database.ledger.claim("logs", Stage.ALERT, "run", 1, LEASE, NOON)
    database.ledger.complete_alert(claim, 1, 1, NOON)
    (claim,) = database.ledger.claim("logs", Stage.AUDIT, "run", 1, LEASE, NOON)
    quality = {"suite": "logs", "suite_version": "1", "success": True, "evaluated": 1, "successful": 1}
    quality |= {"report": {}, "docs_key": None, "started_at": NOON.isoformat(), "duration_s": 0.1}
    database.ledger.complete_audit(claim, Audited("clean/1", quality), NOON)
    (published,) = database.store.batches("logs", FIRST, DAY)
    assert published == replace(
        drained,
        state="published",
        staged_key="staged/1",
        dlq_key="dlq/1",
        clean_key="clean/1",
        valid=2,
        dead_lettered=1,
        alertable=1,
        filtered=1,
    )
    assert published.finished
    assert (published.first, published.last) == ((10, 0), (19, 2))


def test_the_ledger_knows_the_keys_that_it_names(database: Database) -> None:
    """In whatever generation and span."""
    write(database, batch(1), batch(2, DAY.end, generation=1))
    assert database.store.named(["raw/1", "raw/2", "raw/3"]) == {"raw/1", "raw/2"}
    assert database.store.named([]) == set()


def test_only_what_retention_removed_is_known_as_removed(database: Database) -> None:
    """An object that went as an orphan, although the ledger names it, is missing."""
    database.purge("raw/1", "retention")
    database.purge("raw/2", "orphan")
    assert database.store.removed(["raw/1", "raw/2", "raw/3"]) == {"raw/1": NOON}


def result(run_id: str, differences: int) -> Reconciliation:
    """Return a result."""
    return Reconciliation(
        stream="logs",
        from_at=DAY.start,
        to_at=DAY.end,
        run_id=run_id,
        state="different" if differences else "equal",
        batches=1,
        records=3,
        objects=1,
        stream_records=3,
        differences=differences,
        report={"kinds": {}},
        report_key="quality/reconcile/1.json",
        started_at=NOON,
        finished_at=NOON + MINUTE,
    )


def test_a_run_has_one_result_a_stream(database: Database) -> None:
    """Tried again, it replaces what it said; another run's stands beside it."""
    for run_id, differences in (("one", 2), ("two", 0), ("one", 1)):
        database.store.save(result(run_id, differences))
    assert sorted(database.saved()) == [("one", 1), ("two", 0)]


@pytest.mark.integration
def test_a_result_that_is_rolled_back_is_not_there(migrated_uri: str) -> None:
    """The alert and the row come together or not at all."""
    with connected(migrated_uri) as connection:
        store = PostgresReconciliationStore(connection)

        def save_and_fail() -> None:
            with store.transaction():
                store.save(result("one", 1))
                raise RuntimeError("killed")

        with pytest.raises(RuntimeError):
            save_and_fail()
        assert connection.execute("select from cali.reconciliations").fetchall() == []
