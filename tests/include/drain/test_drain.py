"""The drain: each record into exactly one batch, whatever the stream and the servers do."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.kinesis import ExpiredIteratorError
from include.adapters.object_store import InMemoryObjectStore
from include.drain import drain as drain_module
from include.drain.buffer import BufferHints, linger_until
from include.drain.shard_plan import readable
from include.errors import FencedError, StreamThrottledError, TransientError
from include.parquet import from_parquet
from include.records import Checkpoint
from tests.include.drain.world import NOW, SHARD, World


def test_an_empty_stream_makes_no_batch() -> None:
    """Nothing to drain leaves no object and no ledger row."""
    world = World()
    assert world.drain().batches == []
    assert world.store.objects == {}


def test_no_more_than_the_shards_at_work_are_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its object is stored, a shard's records are let go, however many shards are still to come."""
    world, held = World(12), []
    for number in range(12):
        world.put(b"x", shard=f"shardId-{number:012d}")
    commit = drain_module._commit
    monkeypatch.setattr(drain_module, "_commit", lambda *args: (held.append(len(args[3].records)), commit(*args)))
    assert world.drain().records == 12
    assert held == [0] * 12


def test_records_are_stored_byte_for_byte_once() -> None:
    """Any bytes come back as they were put, and a second run finds nothing left."""
    world = World()
    payloads = [b"", b"\x00\xff", b'{"a": 1}', "ü".encode()]
    world.put(*payloads)
    world.drain()
    assert world.drain().batches == []
    assert world.stored() == payloads


def test_the_ledger_row_describes_its_object() -> None:
    """Counts, sequence range and arrival times are those of the object's records."""
    world = World()
    world.put(b"one", b"three")
    (batch,) = world.drain().batches
    table = from_parquet(world.store.get(batch.raw_key))
    assert (batch.records, batch.bytes) == (2, 8)
    assert [batch.first_sequence_number, batch.last_sequence_number] == table.column("sequence_number").to_pylist()
    assert batch.raw_key.startswith("raw/stream=logs/dt=2026-10-25/hh=00/shardId-000000000000-")


def test_the_same_records_have_the_same_key_and_others_another() -> None:
    """A retry writes its own object again, and a longer read never overwrites a shorter one's."""
    keys = []
    for payloads in ([b"1"], [b"1"], [b"1", b"2"]):
        world = World()
        world.put(*payloads)
        keys.append(world.drain().batches[0].raw_key)
    assert keys[0] == keys[1] != keys[2]


def test_twenty_empty_pages_are_not_the_end() -> None:
    """Data behind many empty pages is read in the same run."""
    world = World()
    world.put(b"late")
    world.stream.empty_pages = 20
    assert world.drain().records == 1


def test_a_last_page_with_records_and_no_iterator_closes_the_shard() -> None:
    """The end of a closed shard is stored and then marked."""
    world = World()
    world.put(b"last")
    world.stream.split(SHARD)
    report = world.drain()
    assert (report.records, report.closed_shards) == (1, [SHARD])
    assert world.ledger.checkpoints("logs")[SHARD].closed


def test_children_are_drained_in_the_run_that_ends_their_parent_and_after_it() -> None:
    """A split while nobody looked loses nothing and keeps the order."""
    world = World()
    world.put(b"before")
    world.drain()
    left, right = world.stream.split(SHARD)
    world.put(b"left", shard=left)
    world.put(b"right", shard=right)
    world.drain()
    assert world.stored() == [b"before", b"left", b"right"]


def test_a_chain_of_split_and_merge_is_drained_in_one_run() -> None:
    """Grandchildren wait for their parents, not for the next run."""
    world = World()
    world.put(b"1")
    left, right = world.stream.split(SHARD)
    world.put(b"2", shard=left)
    merged = world.stream.merge(left, right)
    world.put(b"3", shard=merged)
    world.drain()
    assert world.stored() == [b"1", b"2", b"3"]


def test_a_child_waits_for_both_of_its_parents() -> None:
    """A merged shard is read only when each parent that still exists is drained to its end."""
    plan = readable(
        {
            "a": Checkpoint("a", closed=True),
            "b": Checkpoint("b"),
            "c": Checkpoint("c", ("a", "b")),
            "d": Checkpoint("d", ("a", "gone by retention")),
        }
    )
    assert [checkpoint.shard_id for checkpoint in plan] == ["b", "d"]


def test_an_expired_iterator_is_renewed_behind_the_last_record() -> None:
    """An iterator that outlived its five minutes neither loses nor doubles a record."""
    world = World()
    world.put(*(b"%d" % number for number in range(5)))
    world.stream.expire()
    world.drain(BufferHints(max_records=2))
    world.stream.expire()
    world.drain()
    assert world.stored() == [b"0", b"1", b"2", b"3", b"4"]


def test_throttling_is_waited_out() -> None:
    """A few refusals cost time, not records."""
    world = World()
    world.put(b"1")
    world.stream.faults.extend(StreamThrottledError("busy") for _ in range(5))
    assert world.drain().records == 1
    assert world.clock.now > NOW


def test_lasting_throttling_is_an_error_and_moves_nothing() -> None:
    """A shard that stays refused keeps its checkpoint."""
    world = World()
    world.put(b"1")
    world.stream.faults.extend(StreamThrottledError("busy") for _ in range(8))
    with pytest.raises(StreamThrottledError, match="shardId-000000000000 8 times"):
        world.drain()
    assert world.drain().records == 1


def test_one_shards_trouble_does_not_hold_back_the_others() -> None:
    """Of two shards the sound one is committed before the error is raised."""
    world = World(shards=2)
    world.put(b"1")
    world.put(b"2", shard="shardId-000000000001")
    world.stream.faults.append(TransientError("away"))
    with pytest.raises(TransientError):
        world.drain()
    assert len(world.stored()) == 1
    world.drain()
    assert sorted(world.stored()) == [b"1", b"2"]


def test_of_two_drains_of_one_shard_the_slower_commits_nothing() -> None:
    """A run that was thought dead is fenced, and its object is named by nobody."""
    world = World()
    world.put(b"1")

    class Overtaken(InMemoryObjectStore):
        def put(self, key: str, data: bytes, content_type: str = "") -> None:
            super().put(key, data, content_type)
            world.store = winner
            world.put(b"2")
            world.drain()

    winner, world.store = world.store, Overtaken()
    with pytest.raises(FencedError):
        world.drain()
    assert world.stored() == [b"1", b"2"]


def test_a_failed_put_moves_no_checkpoint() -> None:
    """What S3 did not take is read again."""
    world = World()
    world.put(b"1")

    class Away(InMemoryObjectStore):
        def put(self, key: str, data: bytes, content_type: str = "") -> None:
            raise TransientError("S3 did not answer")

    sound, world.store = world.store, Away()
    with pytest.raises(TransientError):
        world.drain()
    world.store = sound
    world.drain()
    assert world.stored() == [b"1"]


@pytest.mark.parametrize("committed", [False, True])
def test_a_crash_between_the_object_and_the_commit_neither_loses_nor_doubles(committed: bool) -> None:
    """The object is on S3 and the run dies just before the commit, or just after it: the next run is right.

    Records that came meanwhile make another object; the one that nobody names is never read.
    """
    world = World()
    world.put(b"1", b"2")

    def die(*arguments: Any) -> None:
        if committed:
            commit(*arguments)
        raise KeyboardInterrupt

    commit, world.ledger.commit_drain = world.ledger.commit_drain, die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.drain()
    world.ledger.commit_drain = commit  # type: ignore[method-assign]
    orphaned = set(world.store.objects)
    world.put(b"3")
    world.drain()
    assert world.stored() == [b"1", b"2", b"3"]
    assert (orphaned <= {held.batch.raw_key for held in world.ledger.batches.values()}) is committed


def test_a_batch_closes_at_its_bound_of_records_and_of_bytes() -> None:
    """A backlog is drained in bites of the hint's size."""
    world = World()
    world.put(*(b"x" * 100 for _ in range(10)))
    assert [world.drain(BufferHints(max_records=4)).records for _ in range(4)] == [4, 4, 2, 0]
    world.put(b"x" * 100, b"x" * 100)
    assert world.drain(BufferHints(max_bytes=1)).records == 2


def test_a_stream_begins_at_the_asked_time_only_when_it_was_never_drained() -> None:
    """The start holds for first shards; checkpoints win afterwards."""
    world = World()
    world.put(b"old")
    world.clock.now += timedelta(hours=1)
    world.put(b"new")
    world.drain(start_at=NOW + timedelta(minutes=30))
    world.put(b"newer")
    world.drain(start_at=NOW + timedelta(days=1))
    assert world.stored() == [b"new", b"newer"]


def test_a_busy_stream_lingers_and_a_resting_one_is_answered_at_once() -> None:
    """The first batch after a rest does not wait; the next one fills until the linger is over."""
    world = World()
    hints = BufferHints(linger=timedelta(seconds=3))
    world.put(b"1")
    assert world.drain(hints).records == 1
    assert world.clock.now == NOW
    world.clock.on_wait = lambda: world.put(b"more")
    world.put(b"2")
    report = world.drain(hints)
    assert len(report.batches) == 1
    assert report.records > 2
    assert world.clock.now >= NOW + timedelta(seconds=3)


def test_sparse_records_do_not_make_an_object_each() -> None:
    """Tiny files: a record a second for five minutes, with a linger of half a minute, is eleven objects."""
    world = World()
    hints = BufferHints(linger=timedelta(seconds=30))
    put = 0

    def trickle() -> None:
        nonlocal put
        while put < (world.clock.now - NOW).total_seconds():
            world.put(b"%d" % put)
            put += 1

    world.clock.on_wait = trickle
    while world.clock.now < NOW + timedelta(minutes=5):
        world.clock.wait(0.25)
        world.drain(hints)
    assert world.stored() == [b"%d" % number for number in range(put)]
    assert (put, len(world.ledger.batches)) == (301, 11)


@pytest.mark.parametrize(
    ("last", "expected"),
    [(None, 0), (-100, 0), (-2, 1), (0, 3), (50, 3)],
)
def test_the_linger_ends_a_fixed_time_after_the_last_batch(last: int | None, expected: int) -> None:
    """It is never in the past and never longer than the linger, even when the clock was set back."""
    last_drained = None if last is None else NOW + timedelta(seconds=last)
    assert linger_until(last_drained, NOW, timedelta(seconds=3)) == NOW + timedelta(seconds=expected)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.binary(max_size=20)),
            st.tuples(
                st.sampled_from(["split", "merge", "drain", "small_drain", "throttle", "expire", "away"]), st.none()
            ),
        ),
        max_size=30,
    )
)
def test_every_record_is_in_exactly_one_batch(steps: list[tuple[str, bytes | None]]) -> None:
    """Whatever the order of puts, reshards, faults and drains, the batches hold each record once."""
    world = World()
    put: list[bytes] = []
    faults = {
        "throttle": StreamThrottledError("busy"),
        "expire": ExpiredIteratorError(),
        "away": TransientError("away"),
    }
    for number, (step, payload) in enumerate(steps):
        open_shards = world.open_shards()
        shard = open_shards[number % len(open_shards)]
        if step == "put":
            put.append(b"%d:" % number + (payload or b""))
            world.put(put[-1], shard=shard)
        elif step == "split":
            world.stream.split(shard)
        elif step == "merge" and len(open_shards) > 1:
            world.stream.merge(open_shards[0], open_shards[-1])
        elif step in faults:
            world.stream.faults.append(faults[step])
        elif "drain" in step:
            with suppress(TransientError):
                world.drain(BufferHints(max_records=1) if step == "small_drain" else None)
    world.stream.faults.clear()
    while world.drain().batches:
        pass
    assert sorted(world.stored()) == sorted(put)
