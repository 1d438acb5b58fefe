"""Both books of replays keep the Protocol's promises."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from include.errors import FencedError
from include.ledger.ledger import Advance, Ledger, Stage
from include.ledger.memory import InMemoryLedger
from include.ledger.postgres import PostgresLedger, connected
from include.records import Checkpoint, MicroBatch, Shard
from include.replay.book import Drained, Replay, ReplayBook, ReplayRequest, ReplayState, Shortfall
from include.replay.book_memory import InMemoryReplayBook
from include.replay.book_postgres import PostgresReplayBook

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
SHARD = "shardId-000000000000"
BEGINNING = Checkpoint(SHARD, ("gone",), start_sequence_number="11", stop_sequence_number="22")
ASKED = ReplayRequest("manual__1", shard_id=SHARD, from_sequence_number="11")


@dataclass
class Desk:
    """A ledger, and the book beside it."""

    ledger: Ledger
    book: ReplayBook

    def open(self, request: ReplayRequest = ASKED, shortfall: Shortfall | None = None) -> Replay:
        return self.book.open("logs", request, [BEGINNING], shortfall, NOW)

    def drain(self, number: int, generation: int = 0) -> None:
        """Commit the batch of the sequence numbers 10 n to 10 n + 2, which arrived in the minute n."""
        ledger = self.ledger.for_generation(generation)
        if not generation:
            ledger.register("logs", [Shard(SHARD)], None, NOW)
        version = ledger.checkpoints("logs")[SHARD].version
        advance = Advance("logs", SHARD, version, str(number * 10 + 2), False, NOW)
        ledger.commit_drain(batch(number, generation), advance, "run", NOW)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Yield an empty ledger and an empty book."""
    if request.param == "memory":
        ledger = InMemoryLedger()
        yield Desk(ledger, InMemoryReplayBook(ledger))
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        yield Desk(PostgresLedger(connection), PostgresReplayBook(connection))


def batch(number: int, generation: int = 0) -> MicroBatch:
    """Return a batch of three records, a minute's width after the one before it."""
    return MicroBatch(
        batch_id=f"logs-{number}-{generation}",
        stream="logs",
        shard_id=SHARD,
        first_sequence_number=str(number * 10),
        first_sub_sequence=0,
        last_sequence_number=str(number * 10 + 2),
        last_sub_sequence=0,
        records=3,
        bytes=300,
        sha256="0" * 64,
        first_arrived_at=minute(number),
        last_arrived_at=minute(number, 30),
        raw_key=f"raw/{number}/{generation}",
        generation=generation,
    )


def minute(number: int, second: int = 0) -> datetime:
    """Return an instant of the n-th minute."""
    return NOW + timedelta(minutes=number, seconds=second)


def test_an_opened_replay_has_a_number_and_its_checkpoints(desk: Desk) -> None:
    """What was asked for is kept, and the generation begins where it was told to."""
    shortfall = Shortfall(None, LATER, 7)
    opened = desk.open(shortfall=shortfall)
    assert opened == Replay("logs", 1, ASKED, ReplayState.RUNNING, 0, 0, shortfall, NOW)
    assert desk.ledger.for_generation(1).checkpoints("logs") == {SHARD: BEGINNING}
    assert desk.ledger.checkpoints("logs") == {}
    assert desk.book.find("logs", "manual__1") == opened


def test_a_run_has_one_replay_and_a_new_run_a_new_number(desk: Desk) -> None:
    """Opening again returns what the run has; streams are numbered apart."""
    first = desk.open()
    assert desk.open(replace(ASKED, from_sequence_number="12")) == first
    assert desk.open(replace(ASKED, run_id="manual__2")).generation == 2
    assert desk.book.open("transactions", ASKED, [BEGINNING], None, NOW).generation == 1
    assert desk.book.find("logs", "manual__3") is None


def test_a_mark_counts_what_the_generation_has_drained(desk: Desk) -> None:
    """Live batches and other replays' are not counted."""
    opened = desk.open()
    other = desk.open(replace(ASKED, run_id="manual__2"))
    desk.drain(1)
    desk.drain(1, opened.generation)
    desk.drain(2, opened.generation)
    desk.drain(1, other.generation)
    failed = desk.book.mark(opened, ReplayState.FAILED, "S3 did not answer", LATER)
    assert (failed.batches, failed.records, failed.last_error, failed.finished_at) == (2, 6, "S3 did not answer", LATER)
    again = desk.book.mark(opened, ReplayState.RUNNING, None, LATER)
    assert (again.state, again.last_error, again.finished_at) == (ReplayState.RUNNING, None, None)


def test_what_is_done_stays_done(desk: Desk) -> None:
    """A try that comes back from the dead cannot spoil the record."""
    opened = desk.open()
    done = desk.book.mark(opened, ReplayState.DONE, None, LATER)
    assert desk.book.mark(opened, ReplayState.FAILED, "fenced", LATER + timedelta(minutes=1)) == done
    assert (done.state, done.finished_at) == (ReplayState.DONE, LATER)


@pytest.mark.parametrize("alerts", [False, True])
def test_a_replay_is_told_only_when_it_was_asked_for_alerts(desk: Desk, alerts: bool) -> None:
    """The stages learn it with each batch that they claim."""
    opened = desk.open(replace(ASKED, alerts=alerts))
    desk.drain(1, opened.generation)
    (claim,) = desk.ledger.claim("logs", Stage.VALIDATE, "run", 10, timedelta(seconds=60), LATER)
    assert (claim.generation, claim.alerts) == (1, alerts)


@pytest.mark.parametrize(
    ("asked", "before", "numbers"),
    [
        (ReplayRequest("a", from_at=minute(0)), None, [1, 2, 3]),
        (ReplayRequest("a", from_at=minute(2, 10)), None, [2, 3]),
        (ReplayRequest("a", from_at=minute(0)), "32", [1, 2]),
        # As numbers, not as texts: "4" would come after "32".
        (ReplayRequest("a", from_at=minute(0)), "4", []),
        (ReplayRequest("a", from_at=minute(0), until=minute(3)), None, [1, 2]),
        (ReplayRequest("a", shard_id=SHARD, from_sequence_number="21"), None, [2, 3]),
        # The sequence number is another shard's, which this one descends from.
        (ReplayRequest("a", shard_id="parent", from_sequence_number="21"), None, [1, 2, 3]),
    ],
    ids=str,
)
def test_the_live_batches_tell_what_a_range_once_held(
    desk: Desk, asked: ReplayRequest, before: str | None, numbers: list[int]
) -> None:
    """Whole batches before a record, within the range."""
    for number in (1, 2, 3):
        desk.drain(number)
    first, last = (minute(numbers[0]), minute(numbers[-1], 30)) if numbers else (None, None)
    assert desk.book.drained_live("logs", SHARD, asked, before) == Drained(3 * len(numbers), first, last)


def test_a_replays_batches_are_no_witness(desk: Desk) -> None:
    """Only what was drained live says what the stream held: neither a replay nor a redrive does."""
    desk.drain(1, desk.open().generation)
    redriven = replace(batch(2), batch_id="redriven", raw_key="raw/redriven", origin_batch_id=batch(1, 1).batch_id)
    desk.ledger.open_batch(redriven, "run", NOW)
    assert desk.book.drained_live("logs", SHARD, ASKED, None) == Drained()


def test_a_skip_moves_the_shard_and_counts_what_is_missing(desk: Desk) -> None:
    """Reading goes on at the record, and spans of several shards become one."""
    opened = desk.open(shortfall=Shortfall(None, minute(1), 3))
    short = desk.book.skip(opened, BEGINNING, "20", Shortfall(minute(0), minute(3), 4), LATER)
    again = desk.book.skip(opened, replace(BEGINNING, version=1), "21", Shortfall(minute(2), minute(2), 1), LATER)
    assert (short.shortfall, again.shortfall) == (
        Shortfall(minute(0), minute(3), 7),
        Shortfall(minute(0), minute(3), 8),
    )
    moved = replace(BEGINNING, version=2, start_sequence_number="21")
    assert desk.ledger.for_generation(1).checkpoints("logs") == {SHARD: moved}


def test_a_shard_of_which_nothing_is_left_is_closed(desk: Desk) -> None:
    """Without a record to go on at the replay is done with it."""
    desk.book.skip(desk.open(), BEGINNING, None, Shortfall(None, LATER, 0), LATER)
    closed = replace(BEGINNING, version=1, closed=True)
    assert desk.ledger.for_generation(1).checkpoints("logs") == {SHARD: closed}


def test_a_skip_from_an_old_version_is_fenced_and_counts_nothing(desk: Desk) -> None:
    """Of two tries of a run only one counts what is missing."""
    opened = desk.open()
    desk.drain(1, opened.generation)
    with pytest.raises(FencedError):
        desk.book.skip(opened, BEGINNING, "20", Shortfall(minute(0), minute(3), 4), LATER)
    found = desk.book.find("logs", ASKED.run_id)
    assert found is not None
    assert found.shortfall is None
