"""Gaps: what a stream lost before it was read is recorded once, with its measure, and nothing else is called a gap."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainReport, DrainRequest, drain
from include.drain.gaps import Survey, drained_until, measured
from include.drain.read_shard import ShardSource
from include.errors import TransientError
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet
from include.records import Checkpoint, Gap, GapReason, Shard

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
SHARD = "shardId-000000000000"


class World:
    """A stream with retention, a bucket and a ledger in memory, and a clock that only the test moves."""

    def __init__(self, shards: int = 1) -> None:
        self.now = NOW
        self.stream = InMemoryStream("app-logs", shards)
        self.store = InMemoryObjectStore()
        self.ledger = InMemoryLedger()
        self.told: list[Gap] = []

    def put(self, *payloads: bytes, shard: str = SHARD) -> None:
        for payload in payloads:
            self.stream.put(shard, payload, self.now)

    def pass_time(self, span: timedelta) -> None:
        """Let time pass, and retention with it."""
        self.now += span
        self.stream.trim(self.now)

    def drain(self, hints: BufferHints | None = None) -> DrainReport:
        source = ShardSource("logs", "app-logs", self.stream, lambda: self.now, lambda _: None)
        request = DrainRequest("run", hints or BufferHints(), on_gap=self.told.append)
        return drain(source, self.store, self.ledger, request)

    def stored(self) -> list[bytes]:
        keys = [held.batch.raw_key for held in self.ledger.batches.values()]
        return [data for key in keys for data in from_parquet(self.store.get(key)).column("data").to_pylist()]

    def gaps(self) -> list[Gap]:
        """Return what is recorded, which is what was told."""
        assert self.told == self.ledger.gaps("logs")
        return self.told


def facts(gaps: Sequence[Gap]) -> list[tuple[str, str, datetime | None, datetime]]:
    """Return where gaps lie and why."""
    return [(gap.shard_id[-1], gap.reason, gap.from_at, gap.to_at) for gap in gaps]


def test_a_stop_longer_than_retention_is_a_gap_up_to_the_first_record_that_is_left() -> None:
    """Kinesis reads on in silence behind an old checkpoint; the gap says since when, until when and behind what."""
    world = World()
    world.put(b"drained")
    world.drain()
    world.pass_time(HOUR)
    world.put(b"lost")
    world.pass_time(30 * HOUR)
    world.put(b"kept")
    report = world.drain()
    assert world.stored() == [b"drained", b"kept"]
    assert facts(report.gaps) == [("0", "retention", NOW, world.now)]
    assert report.gaps[0].from_sequence_number == report.batches[0].first_sequence_number.replace("4", "2")
    assert report.gaps[0].span_s == 31 * 3600


def test_a_gap_with_nothing_left_behind_it_ends_at_the_trim_horizon() -> None:
    """Without a record to go on with, what could not have been trimmed yet is not counted as lost."""
    world = World()
    world.put(b"drained")
    world.drain()
    world.pass_time(30 * HOUR)
    world.drain()
    assert facts(world.gaps()) == [("0", "retention", NOW, NOW + 6 * HOUR)]


def test_a_gap_is_recorded_once_and_told_once() -> None:
    """The runs after it are caught up and find nothing."""
    world = World()
    world.put(b"drained")
    world.drain()
    world.pass_time(30 * HOUR)
    for _ in range(3):
        world.drain()
        world.pass_time(HOUR)
    assert len(world.gaps()) == 1


def test_a_run_that_fails_on_its_way_over_a_gap_leaves_it_to_the_next() -> None:
    """No gap is recorded that reading has not stepped over, and so none twice."""
    world = World()
    world.put(b"drained")
    world.drain()
    world.pass_time(30 * HOUR)
    world.stream.faults.append(TransientError("away"))
    with pytest.raises(TransientError):
        world.drain()
    assert world.gaps() == []
    world.drain()
    assert len(world.gaps()) == 1


def test_a_gap_that_cannot_be_told_is_not_recorded() -> None:
    """Whoever is told writes in the same transaction, or nothing is written at all."""
    world = World()
    world.put(b"drained")
    world.drain()
    world.pass_time(30 * HOUR)
    source = ShardSource("logs", "app-logs", world.stream, lambda: world.now, lambda _: None)

    def refuse(_: Gap) -> None:
        raise TransientError("no outbox")

    with pytest.raises(TransientError, match="no outbox"):
        drain(source, world.store, world.ledger, DrainRequest("run", BufferHints(), on_gap=refuse))
    assert world.ledger.gaps("logs") == []


def test_an_idle_stream_with_the_platform_running_has_no_gap() -> None:
    """A checkpoint as old as retention is no loss when reading stood at the tip all the time."""
    world = World()
    world.put(b"the last for a long time")
    for _ in range(10):
        world.drain()
        world.pass_time(12 * HOUR)
    assert world.gaps() == []


def test_a_stream_that_keeps_records_longer_is_given_longer() -> None:
    """The stream's own retention counts, not Kinesis' default of a day."""
    world = World()
    world.stream.keeps = timedelta(days=7)
    world.put(b"1")
    world.drain()
    world.pass_time(30 * HOUR)
    world.drain()
    assert world.gaps() == []
    world.pass_time(7 * DAY + HOUR)
    world.drain()
    assert [gap.reason for gap in world.gaps()] == [GapReason.RETENTION]


def test_retention_is_not_asked_for_while_no_checkpoint_is_a_day_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call a run would be a call a second in some accounts; no stream keeps records for less than a day."""
    world = World()
    world.put(b"1")
    world.drain()
    asked: list[str] = []
    monkeypatch.setattr(world.stream, "retention", lambda name: asked.append(name) or world.stream.keeps)
    world.pass_time(23 * HOUR)
    world.drain()
    assert asked == []
    world.pass_time(25 * HOUR)
    world.drain()
    assert asked == ["app-logs"]


def test_records_that_retention_has_not_trimmed_yet_are_not_doubled() -> None:
    """Kinesis trims at leisure: reading goes on behind the checkpoint, and the gap shrinks to what is missing."""
    world = World()
    world.put(b"1")
    world.drain()
    world.now += HOUR
    world.put(b"2")
    world.now += 30 * HOUR
    world.drain()
    assert world.stored() == [b"1", b"2"]
    assert facts(world.gaps()) == [("0", "retention", NOW, NOW + HOUR)]


def test_a_batch_that_is_cut_is_not_caught_up() -> None:
    """What a small batch leaves in the stream is not known to be drained, so its loss is found later."""
    world = World()
    world.put(b"1", b"2")
    world.drain(BufferHints(max_records=1))
    assert world.ledger.checkpoints("logs")[SHARD].caught_up_at is None
    world.drain()
    assert world.ledger.checkpoints("logs")[SHARD].caught_up_at == NOW


def test_a_shard_that_left_the_stream_undrained_is_a_gap_and_its_children_are_read() -> None:
    """Its checkpoint is closed, so that nobody waits for it for ever, and its children are not told of it again."""
    world = World()
    world.put(b"drained")
    world.drain()
    world.put(b"lost")
    left, right = world.stream.split(SHARD)
    world.pass_time(30 * HOUR)
    world.put(b"left", shard=left)
    world.put(b"right", shard=right)
    report = world.drain()
    assert (report.closed_shards, world.stored()) == ([SHARD], [b"drained", b"left", b"right"])
    assert facts(world.gaps()) == [("0", "shard_gone", NOW, NOW + 6 * HOUR)]
    world.drain()
    assert len(world.gaps()) == 1


def test_an_empty_drained_parent_that_left_is_no_gap() -> None:
    """A closed checkpoint outlives its shard, as Kinesis forgets each shard in the end."""
    world = World()
    world.put(b"1")
    left, _ = world.stream.split(SHARD)
    world.drain()
    world.pass_time(23 * HOUR)
    world.put(b"2", shard=left)
    world.drain()
    world.pass_time(2 * HOUR)
    world.drain()
    assert SHARD not in {shard.shard_id for shard in world.stream.shards("app-logs")}
    assert world.gaps() == []


def test_what_a_child_lost_before_it_was_first_read_is_a_gap() -> None:
    """A shard without a record of its own is known to be drained until its parent was."""
    world = World()
    world.put(b"parent")
    world.drain()
    left, _ = world.stream.split(SHARD)
    world.put(b"lost", shard=left)
    # The parent's end is drained, and the run dies before it reads the children.
    world.ledger.register("logs", world.stream.shards("app-logs"), None, NOW)
    held = world.ledger.checkpoints("logs")[SHARD]
    world.ledger._tables.checkpoints["logs", 0, SHARD] = Checkpoint(
        SHARD, (), None, held.sequence_number, True, held.version + 1, NOW
    )
    world.pass_time(30 * HOUR)
    world.put(b"kept", shard=left)
    world.drain()
    assert world.stored() == [b"parent", b"kept"]
    assert facts(world.gaps()) == [
        ("1", "retention", NOW, world.now),
        ("2", "retention", NOW, world.now - DAY),
    ]


def test_a_stream_that_was_made_anew_is_read_from_its_beginning() -> None:
    """Old sequence numbers mean nothing to it: the gap is recorded and everything that is new is drained."""
    world = World(shards=2)
    world.put(b"old")
    world.drain()
    world.pass_time(HOUR)
    world.stream.recreate(2)
    world.put(b"new")
    report = world.drain()
    assert world.stored() == [b"old", b"new"]
    assert facts(report.gaps) == [(shard, "unknown_sequence", NOW, world.now) for shard in "01"]
    world.put(b"newer")
    assert world.drain().gaps == []
    assert world.stored() == [b"old", b"new", b"newer"]


def test_a_stream_that_was_made_anew_before_its_first_record_was_drained_is_known_by_its_shards() -> None:
    """A checkpoint without a record still says which shard it is of."""
    world = World()
    world.drain()
    world.put(b"lost")
    world.stream.recreate()
    world.put(b"new")
    world.drain()
    assert world.stored() == [b"new"]
    assert facts(world.gaps()) == [("0", "unknown_sequence", NOW, NOW)]


def test_a_shard_of_a_new_stream_is_read_although_its_namesake_was_drained_to_its_end() -> None:
    """A closed checkpoint closes only the shard that it was made for."""
    world = World()
    world.put(b"old")
    world.stream.split(SHARD)
    world.drain()
    world.stream.recreate()
    world.put(b"new")
    report = world.drain()
    assert world.stored() == [b"old", b"new"]
    assert sorted((gap.shard_id[-1], gap.reason) for gap in report.gaps) == [
        ("0", "unknown_sequence"),
        ("1", "shard_gone"),
        ("2", "shard_gone"),
    ]
    assert not world.ledger.checkpoints("logs")[SHARD].closed


def test_a_sequence_number_that_is_refused_is_a_gap() -> None:
    """Where the shard looks like the old one and still refuses, reading goes on at its oldest record."""
    world = World()
    world.put(b"1")
    world.ledger.register("logs", world.stream.shards("app-logs"), None, NOW)
    world.ledger._tables.checkpoints["logs", 0, SHARD] = Checkpoint(
        SHARD, sequence_number="9" * 56, last_arrived_at=NOW - HOUR
    )
    world.stream.expire()
    world.drain()
    assert world.stored() == [b"1"]
    assert facts(world.gaps()) == [("0", "unknown_sequence", NOW - HOUR, NOW)]


def test_a_shard_that_is_born_while_a_run_looks_is_not_taken_for_gone() -> None:
    """Another run may register a shard behind this one's list; closing it would lose all that it will hold."""
    world = World()
    world.put(b"1")

    class Overtaken(InMemoryLedger):
        def register(self, stream: str, shards: object, start_at: datetime | None, now: datetime) -> None:
            super().register(stream, [*shards, Shard("shardId-000000000001")], start_at, now)  # type: ignore[misc]

    world.ledger = Overtaken()
    with pytest.raises(Exception, match="shardId-000000000001"):
        world.drain()
    assert world.gaps() == []
    assert not world.ledger.checkpoints("logs")["shardId-000000000001"].closed


def judge(checkpoint: Checkpoint, shard: Shard | None, retention: timedelta = DAY) -> Gap | None:
    """Judge one checkpoint."""
    listed = {SHARD: shard} if shard else {}
    return Survey("logs", listed, frozenset({SHARD} - listed.keys()), retention, NOW).gap(checkpoint, {})


@pytest.mark.parametrize(
    ("checkpoint", "shard", "reason"),
    [
        (Checkpoint(SHARD), Shard(SHARD), None),
        (Checkpoint(SHARD, last_arrived_at=NOW - DAY), Shard(SHARD), None),
        (Checkpoint(SHARD, last_arrived_at=NOW - DAY - HOUR), Shard(SHARD), "retention"),
        (Checkpoint(SHARD, last_arrived_at=NOW - 2 * DAY, caught_up_at=NOW - HOUR), Shard(SHARD), None),
        (Checkpoint(SHARD, last_arrived_at=NOW - 2 * DAY, closed=True), Shard(SHARD), None),
        (Checkpoint(SHARD), None, "shard_gone"),
        (Checkpoint(SHARD, last_arrived_at=NOW - 2 * DAY), None, "shard_gone"),
        (Checkpoint(SHARD, closed=True), None, None),
        (Checkpoint(SHARD, sequence_number="9"), Shard(SHARD, (), "10"), "unknown_sequence"),
        (Checkpoint(SHARD, sequence_number="9", closed=True), Shard(SHARD, (), "10"), "unknown_sequence"),
        (Checkpoint(SHARD, sequence_number="10"), Shard(SHARD, (), "9"), None),
    ],
)
def test_only_what_may_be_lost_is_a_gap(checkpoint: Checkpoint, shard: Shard | None, reason: str | None) -> None:
    """Each reason by itself, and what comes close to it."""
    gap = judge(checkpoint, shard)
    assert (gap and gap.reason) == reason


@given(
    arrived=st.none() | st.integers(-400, 0),
    caught_up=st.none() | st.integers(-400, 0),
    retention=st.integers(24, 8760),
    listed=st.booleans(),
)
def test_a_gap_begins_where_draining_ended_and_is_never_negative(
    arrived: int | None, caught_up: int | None, retention: int, *, listed: bool
) -> None:
    """Whatever the times, the span is that between its ends, and a drained hour within retention is no gap."""
    last_arrived_at, caught_up_at = (None if hours is None else NOW + hours * HOUR for hours in (arrived, caught_up))
    checkpoint = Checkpoint(SHARD, last_arrived_at=last_arrived_at, caught_up_at=caught_up_at)
    gap = judge(checkpoint, Shard(SHARD) if listed else None, retention * HOUR)
    until = drained_until(checkpoint, {})
    expected = not listed or (until is not None and until < NOW - retention * HOUR)
    assert (gap is not None) == expected
    if gap is not None:
        assert gap.from_at == until
        assert gap.span_s is None or gap.span_s >= 0
        assert measured(gap, NOW - 500 * HOUR).span_s in {None, 0}


def test_an_unread_shard_is_drained_until_the_older_of_its_parents() -> None:
    """A merged shard was born after both; what neither parent tells is asked of theirs."""
    checkpoints = {
        "a": Checkpoint("a", last_arrived_at=NOW - 3 * HOUR),
        "b": Checkpoint("b", ("a",)),
        "c": Checkpoint("c", caught_up_at=NOW - HOUR),
        "d": Checkpoint("d", ("b", "c", "gone")),
    }
    assert drained_until(checkpoints["d"], checkpoints) == NOW - 3 * HOUR
    assert drained_until(Checkpoint("e", ("gone",)), checkpoints) is None


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(["put", "drain", "small_drain", "split", "merge", "hour", "day", "two days", "recreate"]),
        max_size=25,
    )
)
def test_every_record_is_drained_once_or_lies_in_a_gap(steps: list[str]) -> None:
    """Whatever the order of puts, reshards, pauses and drains: a record that is not stored is accounted for.

    A gap accounts for what arrived in its span.
    """
    world = World()
    arrived: dict[bytes, datetime] = {}
    spans = {"hour": HOUR, "day": DAY, "two days": 2 * DAY}
    world.drain()
    for number, step in enumerate(steps):
        open_shards = [log.shard.shard_id for log in world.stream._logs.values() if not log.closed]
        world.pass_time(timedelta(seconds=1))
        if step == "put":
            payload = b"%d" % number
            world.put(payload, shard=open_shards[number % len(open_shards)])
            arrived[payload] = world.now
        elif step == "split":
            world.stream.split(open_shards[number % len(open_shards)])
        elif step == "merge" and len(open_shards) > 1:
            world.stream.merge(open_shards[0], open_shards[-1])
        elif step in spans:
            world.pass_time(spans[step])
        elif step == "recreate":
            world.stream.recreate()
        elif "drain" in step:
            world.drain(BufferHints(max_records=1) if step == "small_drain" else None)
    while world.drain().batches:
        pass
    stored = world.stored()
    assert len(stored) == len(set(stored))
    for payload in arrived.keys() - set(stored):
        assert any(gap.from_at is None or gap.from_at <= arrived[payload] <= gap.to_at for gap in world.gaps())
