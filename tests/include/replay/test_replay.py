"""A replay: the range again, each record once, in a generation of its own, and nothing of the live drain moves."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.kinesis import ExpiredIteratorError
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.errors import ConfigurationError, FencedError, StreamThrottledError, TransientError
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet
from include.records import Page, StreamRecord
from include.replay.book import Replay, ReplayRequest, ReplayState, Shortfall
from include.replay.book_memory import InMemoryReplayBook
from include.replay.bounded import PAGE_INTERVAL_S
from include.replay.replay import replay

NOON = datetime(2026, 10, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SHARD = "shardId-000000000000"


class FaultyStore(InMemoryObjectStore):
    """A bucket that fails as it is told to when so many more objects have been put."""

    def __init__(self) -> None:
        super().__init__()
        self.sound_puts = 0
        self.fault: BaseException | None = None

    def put(self, key: str, data: bytes, content_type: str = "") -> None:
        super().put(key, data, content_type)
        if self.fault and self.sound_puts == 0:
            fault, self.fault = self.fault, None
            raise fault
        self.sound_puts -= 1

    def fail_after(self, puts: int, fault: BaseException) -> None:
        self.sound_puts, self.fault = puts, fault


class World:
    """A stream, a bucket, a ledger and a book of replays in memory."""

    def __init__(self, shards: int = 1) -> None:
        self.now = NOON
        self.stream = InMemoryStream("app-logs", shards)
        self.store = FaultyStore()
        self.ledger = InMemoryLedger()
        self.book = InMemoryReplayBook(self.ledger)
        self.source = ShardSource("logs", "app-logs", self.stream, lambda: self.now, lambda _: None)

    def put(self, *payloads: bytes, shard: str = SHARD) -> list[str]:
        """Put the records a second apart; return their sequence numbers."""
        numbers = []
        for payload in payloads:
            numbers.append(self.stream.put(shard, payload, self.now))
            self.now += SECOND
        return numbers

    def drain(self, max_records: int = 100) -> None:
        drain(self.source, self.store, self.ledger, DrainRequest("live", BufferHints(max_records)))

    def replay(self, run_id: str = "run", max_records: int = 100, **asked: Any) -> Replay:
        request = ReplayRequest(run_id, **asked)
        return replay(self.source, self.store, self.ledger, self.book, request, BufferHints(max_records))

    def drained(self, generation: int) -> list[bytes]:
        """Return what a generation's batches hold, in the order of their commits."""
        batches = [held.batch for held in self.ledger.batches.values() if held.batch.generation == generation]
        return [
            data for batch in batches for data in from_parquet(self.store.get(batch.raw_key)).column("data").to_pylist()
        ]

    def forget(self, count: int, shard: str = SHARD) -> None:
        """Let a shard's oldest records pass out of the stream's retention."""
        del self.stream._logs[shard].records[:count]


@pytest.fixture
def world() -> World:
    """Return a stream of six records, a second apart, of which the live drain has read four in two batches."""
    world = World()
    world.put(b"0", b"1")
    world.drain()
    world.put(b"2", b"3")
    world.drain()
    world.put(b"4", b"5")
    return world


def test_a_replay_from_an_instant_ends_where_the_live_drain_had_come(world: World) -> None:
    """It begins with the first record that arrived then, and what nobody drained yet is left to the live drain."""
    live = world.ledger.checkpoints("logs")
    done = world.replay(from_at=NOON + SECOND)
    assert (done.generation, done.state, done.batches, done.records) == (1, ReplayState.DONE, 1, 3)
    assert world.drained(1) == [b"1", b"2", b"3"]
    assert world.ledger.checkpoints("logs") == live
    assert world.drained(0) == [b"0", b"1", b"2", b"3"]


def test_a_replay_from_a_sequence_number_begins_with_that_record(world: World) -> None:
    """The named record is the first of the replay."""
    number = world.stream._logs[SHARD].records[2].sequence_number
    world.replay(shard_id=SHARD, from_sequence_number=number)
    assert world.drained(1) == [b"2", b"3"]


def test_a_replay_until_an_instant_ends_before_it(world: World) -> None:
    """The end is exclusive, so that two ranges side by side share no record, and may lie behind the live drain."""
    world.replay("one", from_at=NOON, until=NOON + 3 * SECOND)
    world.replay("two", from_at=NOON + 3 * SECOND, until=NOON + 6 * SECOND)
    assert [world.drained(generation) for generation in (1, 2)] == [[b"0", b"1", b"2"], [b"3", b"4", b"5"]]


def test_what_arrives_during_a_replay_is_not_in_it(world: World) -> None:
    """A stream under load has an end for the replay, and the live drain goes on undisturbed."""
    puts = 0

    class Busy(FaultyStore):
        def put(self, key: str, data: bytes, content_type: str = "") -> None:
            nonlocal puts
            super().put(key, data, content_type)
            if key.startswith("replay/") and puts < 10:
                puts += 1
                world.put(b"later")
                world.drain()

    world.store = Busy()
    world.replay(max_records=1, from_at=NOON, until=NOON + 6 * SECOND)
    assert world.drained(1) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    world.drain()
    assert (
        world.ledger.checkpoints("logs")[SHARD].sequence_number == world.stream._logs[SHARD].records[-1].sequence_number
    )


def test_the_bound_of_records_holds_for_each_batch(world: World) -> None:
    """A range is replayed in bites, whatever the live batches were."""
    assert world.replay(max_records=3, from_at=NOON).batches == 2
    sizes = [held.batch.records for held in world.ledger.batches.values() if held.batch.generation]
    assert sizes == [3, 1]


def test_the_same_run_again_changes_nothing_and_another_run_is_another_generation(world: World) -> None:
    """Idempotent by run: a cleared task repeats its answer, a new run drains once more."""
    first = world.replay("a", from_at=NOON)
    objects = dict(world.store.objects)
    world.put(b"6")
    assert world.replay("a", from_at=NOON) == first
    assert world.store.objects == objects
    assert world.replay("b", from_at=NOON).generation == 2
    assert world.drained(2) == world.drained(1)


def test_ids_keys_and_prefix_tell_a_replay(world: World) -> None:
    """A batch of the same records as a live one has another id, and its object lies apart."""
    world.replay(from_at=NOON, until=NOON + 2 * SECOND)
    live, *_, replayed = world.ledger.batches.values()
    assert (live.batch.sha256, f"{live.batch.batch_id}-r1") == (replayed.batch.sha256, replayed.batch.batch_id)
    assert replayed.batch.raw_key == f"replay/generation=1/{live.batch.raw_key}"


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), TransientError("S3 did not answer")], ids=repr)
@pytest.mark.parametrize("puts", [0, 1, 2])
def test_a_replay_that_died_goes_on_in_its_generation(world: World, puts: int, fault: BaseException) -> None:
    """The next try of the run reads on behind what is committed: nothing twice, nothing missing, no new number."""
    world.store.fail_after(puts, fault)
    with pytest.raises(type(fault)):
        world.replay(max_records=1, from_at=NOON)
    (known,) = world.book._replays.values()
    assert known.state is (ReplayState.RUNNING if isinstance(fault, KeyboardInterrupt) else ReplayState.FAILED)
    assert len(world.drained(1)) == puts
    # What the live drain reads meanwhile was not asked for.
    world.drain()
    done = world.replay(max_records=1, from_at=NOON)
    assert (done.generation, done.state, done.records, done.last_error) == (1, ReplayState.DONE, 4, None)
    assert world.drained(1) == [b"0", b"1", b"2", b"3"]


def test_of_two_tries_at_once_the_slower_commits_nothing(world: World) -> None:
    """A try that was thought dead is fenced, and does not mark the finished replay as failed."""

    class Overtaken(FaultyStore):
        def put(self, key: str, data: bytes, content_type: str = "") -> None:
            super().put(key, data, content_type)
            world.store = winner
            world.replay(from_at=NOON)

    winner = world.store
    world.store = Overtaken()
    with pytest.raises(FencedError):
        world.replay(from_at=NOON)
    assert world.drained(1) == [b"0", b"1", b"2", b"3"]
    (known,) = world.book._replays.values()
    assert (known.state, known.last_error) == (ReplayState.DONE, None)


def test_children_are_read_after_their_parents() -> None:
    """A replay follows splits and merges, also from a sequence number of the first shard."""
    world = World()
    first, *_ = world.put(b"1", b"2")
    left, right = world.stream.split(SHARD)
    world.put(b"3", shard=left)
    world.put(b"4", shard=world.stream.merge(left, right))
    world.drain()
    world.replay("a", from_at=NOON)
    world.replay("b", shard_id=SHARD, from_sequence_number=first)
    world.replay("c", shard_id=left, from_at=NOON)
    assert [world.drained(number) for number in (1, 2, 3)] == [[b"1", b"2", b"3", b"4"]] * 2 + [[b"3", b"4"]]


def test_a_stand_in_without_lag_is_read_to_the_end(world: World) -> None:
    """A page with records and no lag is not taken for the tip: not every Kinesis tells the lag."""
    page = world.stream.page

    def short_page(stream: str, iterator: str, limit: int) -> Page:
        return replace(page(stream, iterator, min(limit, 2)), behind_s=0.0)

    world.stream.page = short_page  # type: ignore[method-assign]
    world.replay(from_at=NOON, until=NOON + 6 * SECOND)
    assert world.drained(1) == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_a_replay_waits_for_nothing_and_leaves_the_live_drain_its_reads(world: World) -> None:
    """It rests after a page that has more behind it, and for no other reason."""
    waits: list[float] = []
    source = replace(world.source, wait=waits.append)
    hints = BufferHints(max_records=2, linger=timedelta(seconds=9))
    replay(source, world.store, world.ledger, world.book, ReplayRequest("run", from_at=NOON), hints)
    assert waits == [PAGE_INTERVAL_S]
    assert world.drained(1) == [b"0", b"1", b"2", b"3"]


def test_what_the_stream_no_longer_holds_is_said_loudly(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Span and number of the records that passed out of retention are in the replay's row and in the log."""
    world.forget(3)
    done = world.replay(from_at=NOON)
    # Of the batch of two records one is still held: a batch that is not lost as a whole is not counted.
    assert done.shortfall == Shortfall(NOON, NOON + 3 * SECOND, 2)
    assert world.drained(1) == [b"3"]
    first, second = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"shard=all from={NOON} until={NOON + 3 * SECOND} records_at_most=0" in first
    assert f"shard={SHARD} from={NOON} until={NOON + SECOND} records_at_most=2" in second


def test_a_sequence_number_that_has_passed_out_is_said_loudly(world: World) -> None:
    """The span begins where the live ledger knows the oldest of the records that are gone."""
    number = world.stream._logs[SHARD].records[0].sequence_number
    world.forget(2)
    done = world.replay(shard_id=SHARD, from_sequence_number=number)
    assert done.shortfall == Shortfall(NOON, NOON + 2 * SECOND, 2)


def test_a_shard_that_has_left_the_stream_is_said_loudly() -> None:
    """Its records are counted by the live ledger, which still knows it."""
    world = World()
    world.put(b"1", b"2")
    left, _ = world.stream.split(SHARD)
    world.put(b"3", shard=left)
    world.drain()
    del world.stream._logs[SHARD]
    done = world.replay(from_at=NOON)
    assert (done.records, done.shortfall) == (1, Shortfall(NOON, NOON + 2 * SECOND, 2))


def interrupted(world: World) -> None:
    """Let a replay commit its first record, and a day pass in which the live drain reads on."""
    world.store.fail_after(1, TransientError("S3 did not answer"))
    with pytest.raises(TransientError):
        world.replay(max_records=1, from_at=NOON)
    world.drain()
    world.now += timedelta(days=1)


def test_what_passes_out_of_retention_during_a_replay_is_counted_once(world: World) -> None:
    """A replay that goes on a day later says what it came too late for, however often it is tried from there."""
    interrupted(world)
    world.forget(3)
    world.store.fail_after(0, TransientError("S3 did not answer"))
    with pytest.raises(TransientError):
        world.replay(max_records=1, from_at=NOON)
    done = world.replay(max_records=1, from_at=NOON)
    assert world.drained(1) == [b"0", b"3"]
    # One of the two was replayed before: a batch counts as a whole.
    assert (done.state, done.shortfall) == (ReplayState.DONE, Shortfall(NOON, NOON + SECOND, 2))
    assert world.ledger.gaps("logs") == []


def test_a_shard_that_leaves_the_stream_during_a_replay_is_said_too(world: World) -> None:
    """The replay is done with it; what was drained live behind the range is not missing."""
    interrupted(world)
    world.stream.split(SHARD)
    del world.stream._logs[SHARD]
    done = world.replay(max_records=1, from_at=NOON)
    assert (done.state, done.records, done.shortfall) == (ReplayState.DONE, 1, Shortfall(NOON, NOON + 3 * SECOND, 4))
    assert world.ledger.gaps("logs") == []


def test_a_stream_that_was_made_anew_ends_the_replay(world: World) -> None:
    """Its records are not those that were asked for; the error says to begin again."""
    interrupted(world)
    world.stream.recreate()
    world.put(b"another")
    with pytest.raises(ConfigurationError, match="begin a new replay"):
        world.replay(max_records=1, from_at=NOON)
    assert world.drained(1) == [b"0"]
    assert world.ledger.gaps("logs") == []


def test_what_passes_out_behind_the_range_is_nobodys_business(world: World) -> None:
    """A shard that holds nothing of the range any more misses what is in the range, and not what came after it."""
    world.put(b"6")
    world.replay("a", from_at=NOON)
    world.drain()
    world.forget(7)
    done = world.replay("b", from_at=NOON + 2 * SECOND, until=NOON + 4 * SECOND)
    assert (done.records, done.shortfall) == (0, Shortfall(NOON + 2 * SECOND, NOON + 4 * SECOND, 2))


def test_a_range_that_the_stream_holds_has_no_shortfall(world: World) -> None:
    """What passed out of retention before the range is nobody's business."""
    world.forget(2)
    assert world.replay(from_at=NOON + 2 * SECOND).shortfall is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "exactly one"),
        ({"from_at": NOON, "from_sequence_number": "1", "shard_id": SHARD}, "exactly one"),
        ({"from_sequence_number": "1"}, "give the shard"),
        ({"from_at": NOON + SECOND, "until": NOON + SECOND}, "begin earlier"),
        ({"from_at": NOON + timedelta(days=1)}, "begin earlier"),
        ({"from_at": NOON, "until": NOON + timedelta(days=1)}, "still to come"),
        ({"from_at": NOON, "shard_id": "shardId-9"}, "no shard 'shardId-9'"),
    ],
    ids=str,
)
def test_a_range_that_makes_no_sense_opens_nothing(world: World, asked: dict[str, Any], said: str) -> None:
    """It is refused with what to give instead, and takes no number."""
    with pytest.raises(ConfigurationError, match=said):
        world.replay(**asked)
    assert world.book._replays == {}


def test_a_stream_that_was_never_drained_has_nothing_to_replay() -> None:
    """Without an end the live drain's checkpoints are it, and there are none."""
    world = World()
    world.put(b"1")
    with pytest.raises(ConfigurationError, match="let the drain run"):
        world.replay(from_at=NOON)
    assert world.replay(from_at=NOON, until=NOON + SECOND).records == 1


FAULTS: dict[str, Callable[[], Exception]] = {
    "throttle": lambda: StreamThrottledError("busy"),
    "expire": ExpiredIteratorError,
    "away": lambda: TransientError("away"),
}
STEPS = st.sampled_from(["put", "put", "put", "split", "merge", "drain", "small_drain"])


def lived(steps: list[str]) -> World:
    """Return a world in which all this happened, a record at most a second."""
    world = World(2)
    for number, step in enumerate(steps):
        open_shards = [log.shard.shard_id for log in world.stream._logs.values() if not log.closed]
        shard = open_shards[number % len(open_shards)]
        if step == "put":
            world.put(b"%d" % number, shard=shard)
        elif step == "split":
            world.stream.split(shard)
        elif step == "merge" and len(open_shards) > 1:
            world.stream.merge(open_shards[0], open_shards[-1])
        elif "drain" in step:
            world.drain(1 if step == "small_drain" else 100)
    world.put(b"last", shard=next(log.shard.shard_id for log in world.stream._logs.values() if not log.closed))
    return world


def asked_of(world: World, begin: int, length: int | None, shard: int | None) -> ReplayRequest:
    """Return a request over the seconds, or from a record, of a world."""
    until = None if length is None else min(NOON + (begin + length) * SECOND, world.now)
    records = [(log.shard.shard_id, record) for log in world.stream._logs.values() for record in log.records]
    if shard is None:
        return ReplayRequest("run", from_at=NOON + begin * SECOND, until=until)
    shard_id, record = records[shard % len(records)]
    return ReplayRequest("run", shard_id=shard_id, from_sequence_number=record.sequence_number, until=until)


def in_range(world: World, request: ReplayRequest) -> list[bytes]:
    """Return the payloads of a range, by looking at the stream's records one by one."""
    live = world.ledger.checkpoints("logs")

    def holds(shard_id: str, record: StreamRecord) -> bool:
        reached = live[shard_id].sequence_number if shard_id in live else None
        ended = request.until is None and (reached is None or record.sequence_number > reached)
        if ended or (request.until and record.arrived_at >= request.until):
            return False
        if request.from_at:
            return record.arrived_at >= request.from_at
        number = str(request.from_sequence_number)
        return record.sequence_number >= number if shard_id == request.shard_id else descends(shard_id)

    def descends(shard_id: str) -> bool:
        parents = world.stream._logs[shard_id].shard.parent_shard_ids
        return any(parent == request.shard_id or descends(parent) for parent in parents)

    logs = world.stream._logs.items()
    return [record.data for shard_id, log in logs for record in log.records if holds(shard_id, record)]


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=25),
    begin=st.integers(-1, 15),
    length=st.none() | st.integers(1, 20),
    shard=st.none() | st.integers(0, 30),
    max_records=st.sampled_from([1, 2, 100]),
    faults=st.lists(st.sampled_from(sorted(FAULTS)), max_size=4),
    empty_pages=st.integers(0, 3),
)
def test_a_replay_holds_every_record_of_its_range_once(
    steps: list[str],
    begin: int,
    length: int | None,
    shard: int | None,
    max_records: int,
    faults: list[str],
    empty_pages: int,
) -> None:
    """However the stream was written, resharded and drained, and whatever fails: the range again, each record once."""
    world = lived(steps)
    request = asked_of(world, begin, length, shard)
    live, expected = world.ledger.checkpoints("logs"), sorted(in_range(world, request))
    world.stream.faults.extend(FAULTS[name]() for name in faults)
    world.stream.empty_pages = empty_pages
    for _ in range(len(faults) + 1):
        try:
            replay(world.source, world.store, world.ledger, world.book, request, BufferHints(max_records))
        except TransientError:
            continue
        except ConfigurationError:
            break
    assert sorted(world.drained(1)) == expected
    assert world.ledger.checkpoints("logs") == live
