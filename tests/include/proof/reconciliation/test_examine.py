"""An untouched world is equal; whatever is spoilt in it is found, and named for what it is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.kinesis import ExpiredIteratorError, UnknownSequenceError
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.payloads.mode import Payloads
from include.errors import StreamThrottledError, TransientError
from include.keys import Room
from include.ledger.ledger import Advance
from include.parquet import from_parquet
from include.proof.reconciliation import shard
from include.proof.reconciliation.report import Findings
from include.proof.reconciliation.values import Kind, Span
from include.records import Gap, GapReason, StreamRecord
from tests.include.proof.reconciliation.spoiling import WAYS, Spoiler
from tests.include.proof.reconciliation.world import DAY, FIRST, NOON, SECOND, World, event, filled_world


@pytest.fixture
def world() -> World:
    """Return a processed world."""
    return filled_world()


def test_an_untouched_world_is_equal(world: World) -> None:
    """Every batch, object and record was looked at, the stream proves all of it, and nothing differs."""
    found = world.examine()
    assert (found.state, found.counts) == ("equal", {})
    assert (found.batches, found.records, found.stream_records) == (5, 15, 15)
    assert found.objects == sum(len(world.keys(room)) for room in (Room.RAW, Room.STAGED, Room.DLQ, Room.CLEAN))
    assert (found.unfinished.count, found.orphans.count, found.not_held.count) == (0, 0, 0)
    assert (found.unprovable.records, found.undrained_from) == (0, None)


# -- one thing spoilt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", WAYS, ids=lambda spoil: spoil.__name__)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_whatever_is_spoilt_is_found_and_named(spoil: Callable[[Spoiler], Kind], data: st.DataObject) -> None:
    """Of an untouched world, any one thing that is changed makes a difference of the kind that it is."""
    world = filled_world()
    kind = spoil(Spoiler(world, data.draw))
    found = world.examine()
    assert found.state == "different"
    assert kind in found.counts
    assert found.differences == sum(one.count for examples in found.examples.values() for one in examples)
    assert {one.kind for one in found.examples[kind]} == {kind}


def test_an_overlap_is_not_taken_for_a_loss(world: World) -> None:
    """What two batches claim is compared with the one that has it."""
    first, second, _ = (key for key in world.keys(Room.RAW) if FIRST in key)
    claimed = world.ledger.batches[world.named(second)].batch.first_sequence_number
    world.amend(world.named(first), last_sequence_number=claimed)
    assert world.examine().counts.keys() == {Kind.OVERLAP, Kind.RANGE}


def test_records_that_lie_in_two_objects_are_not_foreign(world: World) -> None:
    """An object that begins with the batch before it does not hold what it should; the stream has all of it."""
    first, second, _ = (key for key in world.keys(Room.RAW) if FIRST in key)
    doubled = from_parquet(world.objects.objects[first])
    world.rewrite(second, lambda table: pa.concat_tables([doubled, table]))
    counts = world.examine().counts
    assert counts.keys() & {Kind.LOST, Kind.FOREIGN, Kind.ALTERED} == set()
    assert Kind.RANGE in counts


# -- what is no difference ---------------------------------------------------------------------------------------------


def no_difference(found: Findings) -> Findings:
    """Return the findings, in which nothing differs."""
    assert (found.state, found.counts) == ("equal", {})
    return found


def test_what_housekeeping_removed_is_not_held_any_more(world: World) -> None:
    """Nothing is lost by a retention that somebody has set; the rest of the batch is still checked."""
    for room in (Room.RAW, Room.STAGED, Room.CLEAN, Room.DLQ):
        key = world.keys(room)[0]
        world.objects.delete(key)
        world.store.gone[key] = NOON
    found = no_difference(world.examine())
    assert (found.not_held.count, len(found.not_held.examples)) == (4, 4)
    assert found.stream_records == 12


def test_an_object_that_the_ledger_does_not_name_is_an_orphan(world: World) -> None:
    """A killed drain leaves one behind; it is told and is no difference."""
    key = world.keys(Room.RAW)[0]
    orphan = key.replace(".parquet", "x.parquet")
    world.objects.put(orphan, b"")
    assert no_difference(world.examine()).orphans.examples == [orphan]


def test_what_the_stream_has_dropped_is_not_provable(world: World) -> None:
    """Retention takes the oldest records: they are counted with their time, and the rest is proved."""
    del world.records(FIRST)[:4]
    found = no_difference(world.examine())
    assert (found.stream_records, found.unprovable.records) == (11, 4)
    assert (found.unprovable.start, found.unprovable.end) == (NOON, NOON + timedelta(minutes=1))


def test_a_stream_that_holds_nothing_any_more_proves_nothing(world: World) -> None:
    """An empty shard and a shard that is gone both leave ledger and objects to be held against each other."""
    world.records(FIRST).clear()
    del world.stream._logs[SECOND]
    found = no_difference(world.examine())
    assert (found.stream_records, found.unprovable.records) == (0, 15)


def test_what_the_stream_drops_while_it_is_read_is_not_foreign(world: World) -> None:
    """Retention does not wait for the end of a reconciliation."""
    page = world.stream.page

    def page_and_drop(*arguments: object) -> object:
        del world.records(FIRST)[:6]
        world.stream.page = page  # type: ignore[method-assign]
        return page(*arguments)  # type: ignore[arg-type]

    world.stream.page = page_and_drop  # type: ignore[method-assign,assignment]
    found = no_difference(world.examine())
    assert (found.stream_records, found.unprovable.records) == (9, 6)


def test_what_is_not_drained_yet_is_not_lost(world: World) -> None:
    """Records behind the checkpoint wait; the report says since when."""
    world.now += timedelta(minutes=5)
    world.put(FIRST, event(20))
    assert no_difference(world.examine()).undrained_from == NOON + timedelta(minutes=6)


def test_a_batch_that_waits_for_a_stage_is_unfinished(world: World) -> None:
    """What is not there yet is not missing."""
    world.put(FIRST, event(20))
    world.drain()
    found = no_difference(world.examine())
    assert (found.unfinished.count, found.batches) == (1, 6)


def test_a_change_of_the_payload_setting_changes_no_record(world: World) -> None:
    """A record that was taken whole equals the stream's, although it would be opened today."""
    joined = b"\n".join([event(30), event(31)])
    world.put(FIRST, joined)
    drain(world.source, world.objects, world.ledger, DrainRequest("run", BufferHints(), payloads=Payloads.PLAIN))
    assert no_difference(world.examine()).stream_records == 16


@pytest.mark.parametrize(("hours", "told"), [(-30, 0), (-13, 1), (0, 1), (11, 1), (12, 0)])
def test_a_gap_that_was_found_is_mentioned(world: World, hours: int, told: int) -> None:
    """What nobody could drain is on neither side; the report of the days that it touches says so."""
    start = NOON + timedelta(hours=hours)
    gap = Gap("logs", FIRST, GapReason.RETENTION, None, start, start + timedelta(hours=2))
    advance = Advance("logs", FIRST, world.ledger.checkpoints("logs")[FIRST].version, None, False, None, gap=gap)
    world.ledger.commit_drain(None, advance, "run", world.now)
    assert no_difference(world.examine()).gaps.count == told


def test_an_empty_span_of_an_unknown_stream_is_equal() -> None:
    """A stream that was never drained need not even exist."""
    world = World()
    world.stream.name = "other"
    assert no_difference(world.examine()).batches == 0


# -- the edges of the span ---------------------------------------------------------------------------------------------


def days() -> tuple[World, Span, Span]:
    """Return a world with two batches on either side of a midnight, and the two days."""
    world = World()
    world.now = DAY.end - timedelta(minutes=2)
    world.batch(FIRST, event(1), event(2))
    world.now += timedelta(minutes=1)
    world.batch(FIRST, event(3), event(4))
    world.now = DAY.end
    world.batch(FIRST, event(5), event(6))
    world.now += timedelta(minutes=1)
    world.batch(FIRST, event(7), event(8))
    return world, DAY, Span(DAY.end, DAY.end + timedelta(days=1))


def test_two_days_share_out_the_batches() -> None:
    """Each batch belongs to exactly one span, and no neighbour's record is taken for a lost one."""
    world, first, second = days()
    assert [no_difference(world.examine(day)).stream_records for day in (first, second)] == [4, 4]


@pytest.mark.parametrize(("minutes", "expected"), [(-1, (1, 0)), (0, (0, 1))])
def test_a_record_lost_at_midnight_belongs_to_the_day_that_it_arrived_on(
    minutes: int, expected: tuple[int, int]
) -> None:
    """Between the last batch of a day and the first of the next, one day's reconciliation tells of it, not both."""
    world, first, second = days()
    records = world.records(FIRST)
    number = f"{int(records[4].sequence_number) - 1:056d}"
    records.insert(4, StreamRecord(number, "key", DAY.end + timedelta(minutes=minutes), b"unseen"))
    assert tuple(world.examine(day).counts[Kind.LOST] for day in (first, second)) == expected


def test_an_overlap_over_midnight_is_found() -> None:
    """The neighbours' ranges are held against the span's."""
    world, first, _ = days()
    batches = sorted((held.batch for held in world.ledger.batches.values()), key=lambda batch: batch.first_arrived_at)
    world.amend(batches[1].batch_id, last_sequence_number=batches[2].first_sequence_number)
    assert world.examine(first).counts[Kind.OVERLAP] == 1


def test_what_a_closed_shard_holds_behind_its_last_batch_is_lost() -> None:
    """The checkpoint says that the shard is drained to its end."""
    world = World()
    world.batch(FIRST, event(1))
    world.put(FIRST, event(2))
    last = world.records(FIRST).pop()
    world.stream.split(FIRST)
    world.drain()
    assert no_difference(world.examine()).stream_records == 1
    world.records(FIRST).append(last)
    assert world.examine().counts == {Kind.LOST: 1}


def test_a_stream_that_was_first_drained_from_a_time_on_has_lost_nothing_before_it() -> None:
    """What lies before the asked beginning was never meant to be drained."""
    world = World()
    world.put(FIRST, event(1))
    world.now += timedelta(hours=1)
    world.put(FIRST, event(2))
    drain(world.source, world.objects, world.ledger, DrainRequest("run", BufferHints(), start_at=world.now))
    assert no_difference(world.examine()).stream_records == 1


@pytest.mark.parametrize("day", [0, 1])
def test_only_the_spans_own_records_are_read(day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading begins behind the batch before the span and ends before the batch behind it."""
    world, *spans = days()
    monkeypatch.setattr(shard, "PAGE", BufferHints(1, 1))
    read: list[str] = []
    page = world.stream.page

    def noted(*arguments: Any) -> Any:
        answer = page(*arguments)
        read.extend(record.sequence_number for record in answer.records)
        return answer

    monkeypatch.setattr(world.stream, "page", noted)
    no_difference(world.examine(spans[day]))
    numbers = [record.sequence_number for record in world.records(FIRST)]
    assert set(read) == ({*numbers[:5]} if day == 0 else {*numbers[4:]})


# -- the stream as it is -----------------------------------------------------------------------------------------------


def test_empty_pages_expired_iterators_and_throttling_change_nothing(world: World) -> None:
    """What the drain has patience with, the reconciliation has as well."""
    world.stream.empty_pages = 3
    world.stream.faults.extend([ExpiredIteratorError("expired"), StreamThrottledError("busy")])
    assert no_difference(world.examine()).stream_records == 15


def test_a_shard_is_read_page_by_page_and_not_without_a_pause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the pages, the result is the same, and the drain gets its share of the shard's reads."""
    monkeypatch.setattr(shard, "PAGE", BufferHints(2, 1))
    assert no_difference(world.examine()).stream_records == 15
    assert len(world.waited) >= 6


def test_a_position_that_the_stream_does_not_know_any_more_is_no_obstacle() -> None:
    """Kinesis' stand-ins refuse a sequence number that is gone: reading begins with what they hold."""
    world, _, second = days()
    iterator = world.stream.iterator
    unknown = world.records(FIRST)[3].sequence_number

    def refuse(stream: str, checkpoint: object) -> str:
        if getattr(checkpoint, "sequence_number", None) == unknown:
            raise UnknownSequenceError("refused: unknown sequence number")
        return iterator(stream, checkpoint)  # type: ignore[arg-type]

    world.stream.iterator = refuse  # type: ignore[method-assign,assignment]
    assert no_difference(world.examine(second)).stream_records == 4


def test_an_outage_is_no_difference(world: World) -> None:
    """A server that is away is an error to be tried again, and never a finding."""
    world.stream.faults.append(TransientError("Kinesis did not answer"))
    with pytest.raises(TransientError):
        world.examine()


def test_progress_is_said_as_time_goes_by(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A long reconciliation tells how many batches of how many are done."""
    caplog.set_level("INFO")
    get = world.objects.get

    def slowly(key: str) -> bytes:
        world.now += timedelta(seconds=4)
        return get(key)

    world.objects.get = slowly  # type: ignore[method-assign]
    world.examine()
    assert "reconciling stream=logs batches=1 of=5 differences=0" in caplog.text
