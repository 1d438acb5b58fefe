"""A redrive moves what the present model takes, once; whatever interrupts it, nothing is lost or doubled."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.payloads.mode import Payloads
from include.drain.payloads.undecodable import Reason, UndecodableError
from include.drain.read_shard import ShardSource
from include.errors import ConservationError, FencedError, TransientError
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet, to_parquet
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.redrive.judge import Judgement, Rules, judge_again
from include.redrive.memory import InMemoryRedriveStore, LetterState
from include.redrive.redrive import LONGEST_NAP_S, RedriveOrder, RedriveReport, RedriveSite, redrive
from include.redrive.store import Identity, LetterGroup, Redrive, Retrial, Selection, Source, State
from include.streams.logs.model import LogEvent
from include.streams.stream import Stream
from include.validation.validate import DEAD_SCHEMA

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARD = "shardId-000000000000"
STRICT = streams.get("logs")


class Looser(LogEvent):
    """The model once it knows every level."""

    level: str


LOOSE = replace(STRICT, model=Looser)
GOOD, MENDABLE, STUBBORN, HOPELESS = "good", "mendable", "stubborn", "hopeless"


def event(number: int, level: str = "INFO", pod: str = "cart-1") -> bytes:
    """Return a log event; with another level than the model knows, one that only the looser model takes."""
    fields = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": NOW.isoformat(),
        "level": level,
        "service": "cart",
        "message": "the basket is full",
        "log_content": f"{level} the basket is full",
        "pod": pod,
        "version": "1.0",
    }
    return json.dumps(fields).encode()


PAYLOADS: dict[str, Callable[[int], bytes]] = {
    GOOD: event,
    MENDABLE: lambda number: event(number, "LOUD"),
    # Refused for the same reason at first, and for another one by the looser model.
    STUBBORN: lambda number: event(number, "LOUD", pod=""),
    HOPELESS: lambda number: b"rubbish %d" % number,
}


PACKED = "packed"
PAYLOADS[PACKED] = lambda number: gzip.compress(event(number) + b"\n" + event(number + 100))


class World:
    """A stream whose records were drained and validated in memory, and redrives of its dead letters."""

    def __init__(self) -> None:
        self.now = NOW
        self.stream = InMemoryStream("logs")
        self.objects = InMemoryObjectStore()
        self.ledger = InMemoryLedger()
        self.store = InMemoryRedriveStore(self.ledger)
        self.naps: list[float] = []
        self.stop_after: int | None = None
        self.put: dict[str, tuple[str, bytes]] = {}

    def drain(self, *kinds: str) -> None:
        """Put records of these kinds, drain them as one batch and validate it by the strict model."""
        for kind in kinds:
            data = PAYLOADS[kind](len(self.put))
            self.put[self.stream.put(SHARD, data, self.now)] = (kind, data)
        source = ShardSource("logs", "logs", self.stream, lambda: self.now, lambda _: None)
        drain(source, self.objects, self.ledger, DrainRequest("drain", BufferHints()))
        self.validate(STRICT)
        self.now += timedelta(minutes=1)

    def validate(self, stream: Stream) -> None:
        validate_pending(Workplace(stream, self.objects, self.ledger, "run", lambda: self.now))

    def site(self, stream: Stream = LOOSE, store: InMemoryRedriveStore | None = None) -> RedriveSite:
        store = store or self.store
        return RedriveSite(
            Rules(stream, Payloads.AUTO), self.objects, store, lambda: self.now, self.nap, lambda: self.stopped(store)
        )

    def stopped(self, store: InMemoryRedriveStore) -> bool:
        return self.stop_after is not None and len(store.letters) >= self.stop_after

    def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += timedelta(seconds=seconds)

    def redrive(self, run_id: str = "run", stream: Stream = LOOSE, **order: object) -> RedriveReport:
        self.now += timedelta(minutes=1)
        asked = {"selection": Selection("logs"), "dry_run": False, "records_per_second": 1e6, "max_attempts": 3}
        return redrive(self.site(stream), RedriveOrder(run_id, **(asked | order)))  # type: ignore[arg-type]

    def keys(self, room: str) -> list[str]:
        return list(self.objects.keys(f"{room}/"))

    def staged(self) -> Counter[str]:
        """Count the staged rows by sequence number."""
        tables = [from_parquet(self.objects.get(key), ["_sequence_number"]) for key in self.keys("staged")]
        return Counter(row["_sequence_number"] for table in tables for row in table.to_pylist())

    def redriven(self) -> Counter[tuple[str, bytes]]:
        """Count the records of the redriven batches that the ledger names, by sequence number and bytes."""
        batches = [held.batch for held in self.ledger.batches.values() if held.batch.origin_batch_id]
        tables = [from_parquet(self.objects.get(batch.raw_key)) for batch in batches]
        return Counter((row["sequence_number"], row["data"]) for table in tables for row in table.to_pylist())

    def of_kind(self, *kinds: str) -> Counter[tuple[str, bytes]]:
        return Counter((number, data) for number, (kind, data) in self.put.items() if kind in kinds)


@pytest.fixture
def world() -> World:
    """Return an empty world."""
    return World()


def test_what_the_present_model_takes_becomes_one_batch_of_each_source_batch(world: World) -> None:
    """The new batch has the same records, place, arrival and bytes, and waits for validation like any other."""
    world.drain(GOOD, MENDABLE, HOPELESS)
    world.drain(MENDABLE)
    report = world.redrive()
    origins = [held.batch for held in world.ledger.batches.values() if held.batch.origin_batch_id is None]
    assert [batch.origin_batch_id for batch in report.batches] == [batch.batch_id for batch in origins]
    assert world.redriven() == world.of_kind(MENDABLE)
    assert report.batches[0].first_arrived_at == NOW
    world.validate(LOOSE)
    assert world.staged() == Counter(number for number, _ in world.of_kind(GOOD, MENDABLE))
    assert report.tally.reasons == {"json_invalid": (1, 0), "literal_error": (2, 2)}
    (sample,) = report.tally.samples
    assert (sample.reason, sample.now, sample.sub_sequence) == ("json_invalid", "json_invalid", 0)


def test_redriving_twice_changes_nothing(world: World) -> None:
    """The second redrive finds only what stays bad, and moves nothing."""
    world.drain(MENDABLE, HOPELESS)
    world.redrive("first")
    before = dict(world.objects.objects)
    again = world.redrive("second")
    assert (again.tally.considered, again.tally.fixed, again.batches) == (1, 0, [])
    assert world.objects.objects == before


def test_a_dry_run_says_the_same_and_moves_nothing(world: World) -> None:
    """Its figures are those of the redrive that follows."""
    world.drain(GOOD, MENDABLE, HOPELESS)
    before = dict(world.objects.objects)
    dry = world.redrive("dry", dry_run=True)
    assert (world.objects.objects, world.store.letters, dry.batches) == (before, {}, [])
    assert dry.tally == world.redrive("wet").tally


def test_only_what_was_selected_is_tried(world: World) -> None:
    """Another reason's dead letters are not judged, and keep their attempts."""
    world.drain(MENDABLE, HOPELESS)
    report = world.redrive(selection=Selection("logs", reason="json_invalid"))
    assert (report.tally.considered, report.tally.still_bad, report.batches) == (1, 1, [])
    assert [key[2] for key in world.store.letters] == ["json_invalid"]


def test_a_group_that_was_tried_often_enough_is_skipped_and_said(world: World) -> None:
    """A dead letter that nothing helps is not judged for ever; its count says that it was left."""
    world.drain(HOPELESS, HOPELESS)
    tallies = [world.redrive(str(run), max_attempts=2).tally for run in range(3)]
    assert [(tally.still_bad, tally.skipped) for tally in tallies] == [(2, 0), (2, 0), (0, 2)]


def test_a_dry_run_is_no_attempt(world: World) -> None:
    """Looking does not use up what a redrive may do."""
    world.drain(HOPELESS)
    for run in range(3):
        world.redrive(str(run), max_attempts=1, dry_run=True)
    assert world.redrive(max_attempts=1).tally.still_bad == 1


def test_a_discarded_group_stays_where_it_is(world: World) -> None:
    """What an operator gave up is not redriven, though the model would take it."""
    world.drain(MENDABLE)
    (batch_id,) = world.ledger.batches
    world.store.letters[batch_id, "validate", "literal_error"] = LetterState(discarded=True)
    assert world.redrive().tally.considered == 0


def test_records_are_moved_no_faster_than_asked(world: World) -> None:
    """Between two batches the redrive rests as long as the first one's records take, and behind the last not at all."""
    for _ in range(3):
        world.drain(MENDABLE, MENDABLE, MENDABLE)
    world.redrive(records_per_second=2)
    assert sum(world.naps) == pytest.approx(3.0)


def test_a_dry_run_does_not_rest(world: World) -> None:
    """It moves nothing that could be too fast."""
    world.drain(MENDABLE)
    world.drain(MENDABLE)
    world.redrive(records_per_second=0.001, dry_run=True)
    assert world.naps == []


def test_a_redrive_that_is_stopped_leaves_whole_batches_and_the_rest_open(world: World) -> None:
    """It ends as cancelled within a nap; the next one goes on."""
    for _ in range(3):
        world.drain(MENDABLE)
    world.stop_after = 1
    stopped = world.redrive(records_per_second=0.001)
    assert (stopped.state, len(stopped.batches), world.naps) == (State.CANCELLED, 1, [])
    world.stop_after = None
    assert len(world.redrive("next").batches) == 2
    assert world.redriven() == world.of_kind(MENDABLE)


def test_a_pause_ends_within_a_nap_of_the_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the pace, nobody waits for it who wants to stop."""

    def nap_and_stop(seconds: float) -> None:
        world.naps.append(seconds)
        world.stop_after = 1

    world.drain(MENDABLE)
    world.drain(MENDABLE)
    monkeypatch.setattr(world, "nap", nap_and_stop)
    assert world.redrive(records_per_second=0.001).state is State.CANCELLED
    assert world.naps == [LONGEST_NAP_S]


def test_a_retry_continues_the_tally_of_its_run(world: World) -> None:
    """The report of a run that failed half way covers both tries."""
    world.drain(MENDABLE, HOPELESS)
    world.drain(MENDABLE)
    world.stop_after = 1
    world.redrive()
    world.stop_after = None
    report = world.redrive()
    assert (report.state, report.tally.considered, report.tally.fixed) == (State.DONE, 3, 2)


def test_an_outage_is_an_error_first_and_no_loss_afterwards(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With S3 away the run fails and says so; its retry moves each record once."""
    world.drain(MENDABLE)
    monkeypatch.setattr(world.objects, "get", failing(TransientError("S3 did not answer")))
    with pytest.raises(TransientError):
        world.redrive()
    monkeypatch.undo()
    assert world.redrive().tally.fixed == 1
    assert world.redriven() == world.of_kind(MENDABLE)


def test_an_object_that_does_not_hold_what_the_ledger_says_is_not_redriven(world: World) -> None:
    """Dead letters that are missing in dlq/ are found before anything is moved."""
    world.drain(MENDABLE, MENDABLE)
    (key,) = world.keys("dlq")
    world.objects.put(key, to_parquet(from_parquet(world.objects.get(key)).slice(0, 1)))
    with pytest.raises(ConservationError, match="the ledger says"):
        world.redrive()


def test_what_the_new_batch_refuses_after_all_can_be_redriven_from_there(world: World) -> None:
    """A worker with an older model made it a dead letter again: it is one of the new batch now."""
    world.drain(MENDABLE)
    first = world.redrive("first")
    world.validate(STRICT)
    world.now += timedelta(minutes=1)
    second = world.redrive("second")
    world.validate(LOOSE)
    assert [batch.origin_batch_id for batch in second.batches] == [first.batches[0].batch_id]
    assert world.staged() == Counter(number for number, _ in world.of_kind(MENDABLE))


def failing(error: BaseException) -> Callable[..., bytes]:
    """Return a method that raises."""

    def fail(*_: object) -> bytes:
        raise error

    return fail


# -- whatever happens --------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


class Fuse(InMemoryRedriveStore):
    """A view of the store that is killed at its nth step: before or behind what it records."""

    def __init__(self, store: InMemoryRedriveStore, step: int) -> None:
        self.__dict__ = store.__dict__ | {"left": step}
        self._whole = store

    def record(self, redrive: Redrive, retrials: Sequence[Retrial], batch: object, now: datetime) -> None:
        self._burn()
        self._whole.record(redrive, retrials, batch, now)  # type: ignore[arg-type]
        self._burn()

    def finish(self, redrive: Redrive, state: State, now: datetime) -> None:
        if self.left >= 0:
            self._whole.finish(redrive, state, now)

    def _burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.sampled_from([GOOD, MENDABLE, STUBBORN, HOPELESS]), min_size=1, max_size=4), min_size=1, max_size=4
    ),
    kills=st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=4),
    repeats=st.integers(1, 2),
)
def test_each_fixed_record_is_in_exactly_one_redriven_batch(
    batches: list[list[str]], kills: list[tuple[int, bool]], repeats: int
) -> None:
    """For any mixture, any kills (retried by the same run or another) and any number of repeats, all adds up."""
    world = World()
    for kinds in batches:
        world.drain(*kinds)
    order = RedriveOrder("killed", Selection("logs"), dry_run=False, records_per_second=1e6, max_attempts=99)
    for number, (step, same_run) in enumerate(kills):
        world.now += timedelta(minutes=1)
        try:
            fuse = Fuse(world.store, step)
            redrive(world.site(store=fuse), replace(order, run_id="killed" if same_run else f"killed {number}"))
        except Killed:
            world.validate(LOOSE)
    for number in range(repeats):
        world.redrive(f"last {number}", max_attempts=99)
    world.validate(LOOSE)
    assert world.redriven() == world.of_kind(MENDABLE)
    assert world.staged() == Counter(number for number, _ in world.of_kind(GOOD, MENDABLE))
    for held in world.ledger.batches.values():
        assert held.validated is not None
        assert held.validated.valid + held.validated.dead_lettered == held.batch.records
    left = {"literal_error": world.of_kind(STUBBORN).total(), "json_invalid": world.of_kind(HOPELESS).total()}
    assert world.store.open_reasons("logs") == {reason: count for reason, count in sorted(left.items()) if count}


def test_two_redrives_at_once_do_not_double(world: World) -> None:
    """The one that began first is fenced: its batch is in no ledger."""
    world.drain(MENDABLE)
    zombie = world.store.begin(Selection("logs"), "zombie", world.now, dry_run=False)
    world.redrive()
    with pytest.raises(FencedError):
        world.store.record(zombie, [], None, world.now)
    assert world.redriven() == world.of_kind(MENDABLE)


# -- what could not be decoded -----------------------------------------------------------------------------------------


def judge_undecoded(
    *letters: tuple[int, bytes], whole: Sequence[str] = ("7",), payloads: Payloads = Payloads.AUTO
) -> Judgement:
    """Judge dead letters of record 7, given as sub-sequence and bytes, that an older release could not open."""
    rows = [
        {
            "_stream": "logs",
            "_batch_id": "logs-1",
            "_shard_id": SHARD,
            "_sequence_number": "7",
            "_sub_sequence": sub_sequence,
            "_arrived_at": NOW,
            "partition_key": "key",
            "data": data,
            "stage": "decode",
            "reason": "gzip_corrupt",
            "path": "",
            "message": "",
        }
        for sub_sequence, data in letters
    ]
    group = LetterGroup("decode", "gzip_corrupt", len(rows))
    source = Source("logs-1", SHARD, "raw/1", "dlq/1", NOW, (group,))
    return judge_again(Rules(STRICT, payloads), source, pa.Table.from_pylist(rows, DEAD_SCHEMA), set(), set(whole))


def test_a_record_that_can_be_opened_now_becomes_its_events() -> None:
    """They are numbered as the drain would have; what is bad among them goes along, to be a dead letter by itself."""
    judged = judge_undecoded((0, gzip.compress(b"\n".join([event(1), event(2, "LOUD"), event(3)]))))
    assert [(one.sub_sequence, one.data) for one in judged.events] == [
        (0, event(1)),
        (1, event(2, "LOUD")),
        (2, event(3)),
    ]
    assert judged.retrials == (Retrial("decode", "gzip_corrupt", 1, (Identity("7", 0),)),)


def test_a_record_without_a_good_event_stays_bad() -> None:
    """Opened or not, there is nothing to gain."""
    judged = judge_undecoded((0, gzip.compress(event(1, "LOUD") + b"\n" + event(2, "LOUD"))))
    assert (judged.events, judged.retrials[0].fixed) == ((), ())
    assert (judged.samples[0].reason, judged.samples[0].now) == ("gzip_corrupt", "literal_error")


@pytest.mark.parametrize("whole", [(), ("7",)], ids=["among neighbours", "alone in a redriven batch"])
def test_a_part_of_an_aggregate_may_become_one_event_and_no_more(whole: Sequence[str]) -> None:
    """Its neighbours have the numbers behind it, in whichever batch they are."""
    one = gzip.compress(event(1))
    two = gzip.compress(event(2) + b"\n" + event(3))
    judged = judge_undecoded((4, one), (6, two), whole=whole)
    assert [(event.sub_sequence, event.data) for event in judged.events] == [(4, event(1))]
    assert judged.retrials[0].fixed == (Identity("7", 4),)


def test_a_stream_that_is_plain_by_now_takes_its_records_as_they_are() -> None:
    """What was wrongly taken for packed data is judged byte for byte."""
    judged = judge_undecoded((0, event(1)), payloads=Payloads.PLAIN)
    assert [one.data for one in judged.events] == [event(1)]


def test_what_still_cannot_be_opened_stays_bad() -> None:
    """Damage does not heal."""
    judged = judge_undecoded((0, gzip.compress(event(1))[:-1]))
    assert (judged.retrials[0].fixed, judged.samples[0].now) == ((), "gzip_truncated")


@pytest.mark.parametrize(("raw_is_gone", "events"), [(False, 2), (True, 0)], ids=["raw is there", "raw was purged"])
def test_a_packed_record_becomes_its_events_as_long_as_raw_tells_that_it_was_whole(
    world: World, raw_is_gone: bool, events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its raw object it might be a part of an aggregate, whose neighbours have the next numbers."""
    with monkeypatch.context() as older:
        older.setattr("include.drain.payloads.unpack.inflate", failing(UndecodableError(Reason.GZIP_CORRUPT)))
        world.drain(PACKED)
    (raw_key,) = world.keys("raw")
    if raw_is_gone:
        world.objects.delete(raw_key)
    report = world.redrive()
    assert report.tally.considered == 1
    assert sum(batch.records for batch in report.batches) == events
