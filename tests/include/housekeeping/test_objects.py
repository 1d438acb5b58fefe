"""What may go, goes once and is written down; what a batch still needs stays, and so does what might be committed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from include.adapters.object_store import InMemoryObjectStore
from include.compaction.compact import Press, compact
from include.compaction.postgres import PostgresCompactions
from include.housekeeping.objects import Household, PurgeReport, purge, purge_orphans
from include.housekeeping.postgres import FORGOTTEN, Purges
from include.housekeeping.rooms import PurgedRoom
from include.housekeeping.rows import forget
from include.housekeeping.settings import Retention
from include.keys import Room, object_key
from include.ledger.ledger import DeadLetterGroup, Stage, Validated
from include.ledger.postgres import PostgresLedger, connected
from tests.include.compaction.publishing import LEASE, Publisher

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOMS = ("raw", "staged", "clean", "dlq", "compacted", "quality", "replay")
KEEP = dict.fromkeys((f"{room}_days" for room in PurgedRoom), 0)


@dataclass
class World:
    """A ledger in Postgres, objects in memory, and a clock."""

    connection: psycopg.Connection
    now: datetime = START
    store: InMemoryObjectStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = InMemoryObjectStore(lambda: self.now)
        self.publisher = Publisher(self.ledger, self.store)

    @property
    def ledger(self) -> PostgresLedger:
        return PostgresLedger(self.connection)

    def household(self, *, dry_run: bool = False, **days: float) -> Household:
        """Return a household that keeps everything for ever but what is said."""
        kept = Retention(**KEEP | {f"{room}_days": value for room, value in days.items()})  # type: ignore[arg-type]
        purges = Purges(self.connection, dry_run=dry_run)
        return Household("logs", self.store, purges, PostgresCompactions(self.connection), kept, lambda: self.now)

    def purge(self, *, dry_run: bool = False, **days: float) -> PurgeReport:
        return purge(self.household(dry_run=dry_run, **days))

    def orphans(self) -> dict[str, int]:
        return purge_orphans(self.household())

    def compact(self) -> None:
        compactions = PostgresCompactions(self.connection)
        compact(Press("logs", self.store, compactions, timedelta(0), lambda: self.now))

    def objects(self) -> dict[str, int]:
        """Return how many objects there are in each room that has any."""
        counts = {room: len(list(self.store.keys(f"{room}/"))) for room in ROOMS}
        return {room: count for room, count in counts.items() if count}

    def dead_letter(self) -> str:
        """Drain a batch whose one record is a dead letter; return its id."""
        batch = self.publisher._drain(self.now, self.publisher._version * 100, 1)
        (claim,) = self.ledger.claim("logs", Stage.VALIDATE, "run", 1, LEASE, self.now)
        key = object_key(Room.DLQ, "logs", self.now, f"{batch.batch_id}.parquet")
        self.store.put(key, b"dead")
        group = DeadLetterGroup("validate", "missing", 1, "level: Field required")
        self.ledger.complete_validate(claim, Validated(0, None, key, [group]), self.now)
        return batch.batch_id

    def column(self, statement: str) -> list[Any]:
        return [row[0] for row in self.connection.execute(statement).fetchall()]  # type: ignore[arg-type]


@pytest.fixture
def world(migrated_uri: str) -> Iterator[World]:
    """Yield an empty world."""
    with connected(migrated_uri) as connection:
        yield World(connection)


def test_objects_go_when_their_rooms_time_is_over(world: World) -> None:
    """Each room by its own setting, written down with its reason, and not a second time."""
    world.publisher.publish(START)
    world.now += timedelta(days=8)
    world.publisher.publish(world.now)
    report = world.purge(raw=10, staged=7)
    assert report.removed == {"raw": 0, "staged": 1}
    assert world.objects() == {"raw": 2, "staged": 1, "clean": 2}
    assert world.purge(raw=10, staged=7).removed == {"raw": 0, "staged": 0}
    written = world.connection.execute("select room, reason, deleted_at from cali.purges").fetchall()
    assert written == [("staged", "retention", world.now)]


def test_nothing_goes_while_a_room_is_kept_for_ever(world: World) -> None:
    """Zero is for ever, however old."""
    world.publisher.publish(START)
    world.now += timedelta(days=3_000)
    assert world.purge().removed == {}
    assert world.objects() == {"raw": 1, "staged": 1, "clean": 1}


def test_an_unfinished_batch_keeps_its_objects(world: World) -> None:
    """A stage that waits, for whatever reason and however long, finds what it works on."""
    world.publisher._drain(START, 0, 3)
    world.now += timedelta(days=90)
    report = world.purge(raw=1)
    assert (report.removed, report.held_back) == ({"raw": 0}, {"raw": {"unfinished": 1}})


def test_a_quarantined_batch_keeps_its_objects(world: World) -> None:
    """Quarantine is a verdict, never a deletion."""
    world.publisher.publish(START, quarantine=True)
    world.now += timedelta(days=90)
    report = world.purge(raw=1, staged=1)
    assert report.held_back == {"raw": {"quarantined": 1}, "staged": {"quarantined": 1}}
    assert world.objects() == {"raw": 1, "staged": 1}


def test_open_dead_letters_keep_their_raw_object(world: World) -> None:
    """Until they are redriven, or given up with the end of their own retention."""
    world.dead_letter()
    world.now += timedelta(days=31)
    assert world.purge(raw=30, dlq=90).held_back == {"raw": {"dead letters open": 1}}
    world.now += timedelta(days=60)
    world.purge(raw=30, dlq=90)
    assert world.column("select redrive_state from cali.dead_letters") == ["discarded"]
    world.purge(raw=30, dlq=90)
    assert world.objects() == {}


def test_small_objects_go_only_once_their_hour_is_compacted(world: World) -> None:
    """The hour is sealed first, so its object is never made again from what is gone."""
    world.publisher.publish(START)
    world.now += timedelta(days=8)
    assert world.purge(clean=7).held_back == {"clean": {"not compacted": 1}}
    world.compact()
    report = world.purge(clean=7)
    assert (report.removed, report.sealed_hours) == ({"clean": 1}, 1)
    assert world.objects() == {"raw": 1, "staged": 1, "compacted": 1}
    assert world.column("select kind from cali.clean_objects") == ["compacted"]


def test_an_hour_whose_object_is_not_as_recorded_is_not_sealed(world: World) -> None:
    """The small objects are what it can be made from again."""
    world.publisher.publish(START)
    world.now += timedelta(days=8)
    world.compact()
    (key,) = world.store.keys("compacted/")
    world.store.put(key, b"another run's")
    report = world.purge(clean=7)
    assert (report.sealed_hours, report.held_back) == (0, {"clean": {"not compacted": 1}})


def test_a_batch_that_comes_after_the_sealing_keeps_its_object_until_it_is_compacted(world: World) -> None:
    """The reading list names each record once all the way."""
    world.publisher.publish(START)
    world.now += timedelta(days=8)
    world.compact()
    world.purge(clean=7)
    world.publisher.publish(START)
    assert sorted(world.column("select kind from cali.clean_objects")) == ["compacted", "small"]
    assert world.purge(clean=7).held_back == {"clean": {"not compacted": 1}}
    world.compact()
    assert world.purge(clean=7).removed == {"clean": 1}
    assert sorted(world.column("select kind from cali.clean_objects")) == ["compacted", "late"]
    world.purge(compacted=1)
    assert world.column("select kind from cali.clean_objects") == []
    assert "compacted" not in world.objects()


def test_a_replays_objects_have_a_time_of_their_own(world: World) -> None:
    """From the replay's drain on, whatever the room."""
    Publisher(world.ledger, world.store, generation=1).publish(START)
    world.now += timedelta(days=15)
    assert world.purge(raw=1, staged=1, clean=1).removed == {"raw": 0, "staged": 0, "clean": 0}
    assert world.purge(replay=14).removed == {"replay": 3}
    assert world.objects() == {}


def test_a_dry_run_counts_what_the_run_then_removes(world: World) -> None:
    """And leaves objects, purges and dead letters as they were."""
    for _ in range(3):
        world.dead_letter()
    world.now += timedelta(days=91)
    before = world.objects()
    dry = world.purge(dry_run=True, dlq=90)
    assert (world.objects(), world.column("select 1 from cali.purges")) == (before, [])
    assert dry.removed == world.purge(dlq=90).removed == {"dlq": 3}


@pytest.mark.parametrize("moment", ["before the deletion", "after the deletion"])
def test_a_run_that_dies_is_continued_by_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What was written down is deleted, and what was deleted is written down."""
    world.publisher.publish(START)
    world.now += timedelta(days=90)
    delete = world.store.delete_all

    def die(keys: list[str]) -> None:
        if moment == "after the deletion":
            delete(keys)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(world.store, "delete_all", die)
        world.purge(raw=30)
    assert world.column("select deleted_at from cali.purges") == [None]
    report = world.purge(raw=30)
    assert (report.resumed, report.removed) == (1, {"raw": 0})
    assert world.objects() == {"staged": 1, "clean": 1}
    assert world.column("select deleted_at from cali.purges") == [world.now]


def test_orphans_go_after_the_safe_age(world: World) -> None:
    """Of a retry that was cut otherwise, and of batches that nobody knows; what the ledger names stays."""
    world.publisher.publish(START)
    shard = world.publisher.shard_id
    for room, name in [
        (Room.RAW, f"{shard}-0-1-{'0' * 16}.parquet"),
        (Room.STAGED, f"logs-{shard}-{'f' * 16}.parquet"),
        (Room.CLEAN, f"logs-{shard}-{'f' * 16}.parquet"),
        (Room.DLQ, f"logs-{shard}-{0:016x}.parquet"),
    ]:
        world.store.put(object_key(room, "logs", START, name), b"orphan")
    world.now += timedelta(hours=23)
    assert sum(world.orphans().values()) == 0
    world.now += timedelta(hours=2)
    assert world.orphans() == {"raw": 1, "staged": 1, "clean": 1, "dlq": 1}
    assert world.objects() == {"raw": 1, "staged": 1, "clean": 1}
    assert set(world.column("select reason from cali.purges")) == {"orphan"}
    assert world.orphans() == {"raw": 0, "staged": 0, "clean": 0, "dlq": 0}


def test_a_raw_object_that_a_drain_can_still_commit_is_no_orphan(world: World) -> None:
    """However old: until the checkpoint has passed it, the drain that comes back writes and names this very key."""
    publisher = world.publisher
    publisher.publish(START)
    key = object_key(Room.RAW, "logs", START, f"{publisher.shard_id}-100-102-{100:016x}.parquet")
    world.store.put(key, b"raw")
    world.now += timedelta(days=10)
    assert world.orphans()["raw"] == 0
    assert publisher._drain(START, 100, 3).raw_key == key
    world.now += timedelta(days=10)
    assert world.orphans()["raw"] == 0
    assert key in world.store.objects


def test_what_an_open_stage_may_have_written_is_no_orphan(world: World) -> None:
    """Validation died between its put and its commit; its retry names this very key."""
    batch = world.publisher._drain(START, 0, 3)
    world.store.put(object_key(Room.STAGED, "logs", START, f"{batch.batch_id}.parquet"), b"staged")
    world.now += timedelta(days=10)
    assert world.orphans()["staged"] == 0


def test_what_cali_did_not_write_is_left_alone(world: World) -> None:
    """A name of another shape is somebody else's object."""
    for key in ("raw/stream=logs/notes.txt", "clean/stream=logs/export.parquet", "clean/stream=other/x.parquet"):
        world.store.put(key, b"mine")
    world.now += timedelta(days=900)
    assert sum(world.orphans().values()) == 0


def test_a_batchs_row_goes_after_the_last_of_its_objects(world: World) -> None:
    """And with it all that hangs on it; what says that an object was removed stays as long as the row."""
    world.publisher.publish(START)
    world.now += timedelta(days=8)
    world.compact()
    world.purge(raw=7, staged=7)
    world.now += timedelta(days=100)
    purges = Purges(world.connection)
    assert forget(purges, world.now - timedelta(days=90)) == dict.fromkeys(FORGOTTEN, 0)
    world.purge(clean=7)
    world.now += timedelta(days=91)
    removed = forget(purges, world.now - timedelta(days=90))
    assert removed == dict.fromkeys(FORGOTTEN, 0) | {"batches": 1, "purges": 3}
    assert world.column("select kind from cali.clean_objects") == ["compacted"]
    assert world.column("select 1 from cali.quality_results") == []


def test_rows_of_alerts_go_when_their_group_is_resolved_and_told(world: World) -> None:
    """A message that still waits keeps its group."""
    world.connection.execute(
        """
        insert into cali.alert_groups (stream, category, fingerprint, fingerprint_version, severity, severity_rank,
            service, title, state, count, first_seen, last_seen, opened_at, updated_at, closed_at, services, pods,
            versions, sample, batch_id, channel, latest_shard_id, latest_sequence_number, latest_sub_sequence,
            latest_arrived_at)
        select 'logs', 'record', name, 1, 'ERROR', 1, 'cart', 't', state, 1, at, at, at, at,
            case state when 'resolved' then at end, '{}', '{}', '{}', '', 'b', 'c', 's', '1', 0, at
        from (values ('told', 'resolved'), ('waits', 'resolved'), ('open', 'new')) as groups (name, state),
             (values ('2026-01-01T00:00:00Z'::timestamptz)) as times (at)
        """
    )
    world.connection.execute(
        """
        insert into cali.alert_outbox (group_id, kind, channel, severity_rank, dedup_key, message_key, state,
            next_attempt_at, created_at, sent_at)
        select id, 'open', 'c', 1, fingerprint, fingerprint,
            case fingerprint when 'waits' then 'parked' when 'told' then 'withdrawn' else 'sent' end,
            opened_at, opened_at, opened_at
        from cali.alert_groups
        """
    )
    removed = forget(Purges(world.connection), START)
    assert (removed["outbox"], removed["alert_groups"]) == (2, 1)
    assert sorted(world.column("select fingerprint from cali.alert_groups")) == ["open", "waits"]


def test_silences_go_long_after_they_ended(world: World) -> None:
    """One that lasts stays, however old it is."""
    world.connection.execute(
        """
        insert into cali.alert_silences (title, until, who, why, created_at)
        values ('over', '2026-01-01T00:00:00Z', 'ann', 'deploy', '2025-12-31T00:00:00Z'),
               ('lasts', '2999-01-01T00:00:00Z', 'ann', 'known', '2025-12-31T00:00:00Z')
        """
    )
    assert forget(Purges(world.connection), START)["silences"] == 1
    assert world.column("select title from cali.alert_silences") == ["lasts"]


def test_old_reconciliations_go(world: World) -> None:
    """By when they ended."""
    world.connection.execute(
        """
        insert into cali.reconciliations (stream, from_at, to_at, run_id, state, batches, records, objects,
            stream_records, differences, report, report_key, started_at, finished_at)
        select 'logs', at - interval '1 day', at, name, 'equal', 0, 0, 0, 0, 0, '{}', 'k', at, at
        from (values ('old', '2026-01-01T00:00:00Z'::timestamptz), ('new', '2026-03-01T12:00:00Z')) as runs (name, at)
        """
    )
    assert forget(Purges(world.connection), START)["reconciliations"] == 1
    assert world.column("select run_id from cali.reconciliations") == ["new"]


def test_old_completions_go_and_the_log_says_since_when_it_is_whole(world: World) -> None:
    """A window from before then is unknown where no completion is found; as long as nothing went, nothing moved."""
    world.connection.execute("insert into cali.completion_log_horizon (known_since) values ('2025-12-31T00:00:00Z')")
    world.connection.execute(
        """
        insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_to)
        select 'consumer_batch', 'run', at, at
        from (values ('2026-01-01T00:00:00Z'::timestamptz), ('2026-03-05T00:00:00Z')) as times (at)
        """
    )
    known_since = "select known_since from cali.completion_log_horizon"
    for before, count in ((START - timedelta(days=300), 0), (START, 1), (START + timedelta(days=1), 0)):
        assert forget(Purges(world.connection), before)["completions"] == count
        assert world.column(known_since) == [START if before >= START else datetime(2025, 12, 31, tzinfo=UTC)]
    assert world.column("select completed_at > '2026-02-01' from cali.pipeline_completion_log") == [True]


def test_a_dry_run_forgets_nothing(world: World) -> None:
    """The count is that of the run that follows."""
    world.dead_letter()
    world.now += timedelta(days=100)
    world.purge(raw=1, dlq=1)
    world.purge(raw=1, dlq=1)
    world.now += timedelta(days=100)
    before = world.now - timedelta(days=90)
    dry = forget(Purges(world.connection, dry_run=True), before)
    assert world.column("select count(*) from cali.micro_batches") == [1]
    assert dry["batches"] == forget(Purges(world.connection), before)["batches"] == 1
