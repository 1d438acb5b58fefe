"""Both stores of redrives keep the Protocol's promises."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from include.errors import FencedError
from include.ledger.ledger import Advance, DeadLetterGroup, Ledger, Stage, Validated
from include.ledger.memory import InMemoryLedger
from include.ledger.postgres import PostgresLedger, connected
from include.records import MicroBatch, Shard
from include.redrive.memory import InMemoryRedriveStore, LetterState
from include.redrive.postgres import PostgresRedriveStore
from include.redrive.store import (
    Identity,
    LetterGroup,
    Place,
    Redrive,
    RedriveStore,
    Retrial,
    Sample,
    Selection,
    Source,
    State,
    Tally,
)

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SHARD = Shard("shardId-000000000000")
MISSING, INVALID = LetterGroup("validate", "missing", 2), LetterGroup("validate", "json_invalid", 1)
ALL = Selection("logs")


class Desk:
    """A store of redrives beside its ledger, in which batches of three dead letters and one good record lie."""

    def __init__(self, ledger: Ledger, store: RedriveStore, connection: psycopg.Connection | None) -> None:
        self.ledger, self.store, self.connection = ledger, store, connection

    def validated(self, count: int = 1) -> None:
        self.ledger.register("logs", [SHARD], None, NOW)
        for number in range(1, count + 1):
            at = NOW + timedelta(minutes=number)
            advance = Advance("logs", SHARD.shard_id, number - 1, str(number * 10 + 3), False, at)
            self.ledger.commit_drain(batch(number, 4), advance, "drain", at)
        for claim in self.ledger.claim("logs", Stage.VALIDATE, "run", 10, timedelta(seconds=60), LATER):
            groups = [DeadLetterGroup(one.stage, one.reason, one.records, "x") for one in (INVALID, MISSING)]
            self.ledger.complete_validate(claim, Validated(1, "staged", f"dlq/{claim.batch_id}", groups), LATER)

    def begin(self, run_id: str = "run", selection: Selection = ALL, *, dry_run: bool = False) -> Redrive:
        return self.store.begin(selection, run_id, LATER, dry_run=dry_run)

    def source(self, redrive: Redrive) -> Source:
        source = self.store.next_source(redrive)
        assert source is not None
        return source

    def discard(self, batch_id: str, group: LetterGroup) -> None:
        if isinstance(self.store, InMemoryRedriveStore):
            self.store.letters[batch_id, group.stage, group.reason] = LetterState(discarded=True)
        if self.connection:
            self.connection.execute(
                "update cali.dead_letters set redrive_state = 'discarded' where batch_id = %s and reason = %s",
                [batch_id, group.reason],
            )


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Yield an empty desk."""
    if request.param == "memory":
        ledger = InMemoryLedger()
        yield Desk(ledger, InMemoryRedriveStore(ledger), None)
        return
    with connected(request.getfixturevalue("migrated_uri")) as connection:
        yield Desk(PostgresLedger(connection), PostgresRedriveStore(connection), connection)


def batch(number: int, records: int, origin: str | None = None) -> MicroBatch:
    """Return a batch that begins at ten times its number."""
    return MicroBatch(
        batch_id=f"logs-{number}" + ("-redrive" if origin else ""),
        stream="logs",
        shard_id=SHARD.shard_id,
        first_sequence_number=str(number * 10),
        first_sub_sequence=0,
        last_sequence_number=str(number * 10 + 3),
        last_sub_sequence=0,
        records=records,
        bytes=records * 100,
        sha256="0" * 64,
        first_arrived_at=NOW + timedelta(minutes=number),
        last_arrived_at=NOW + timedelta(minutes=number, seconds=30),
        raw_key=f"raw/{number}{origin or ''}",
        origin_batch_id=origin,
    )


def letter(number: int) -> Identity:
    """Return a dead letter's identity."""
    return Identity(str(number), 0)


def tried(redrive: Redrive, source: Source, *retrials: Retrial) -> Redrive:
    """Return the redrive with the source behind."""
    tally = redrive.tally.with_source(retrials, 0, ())
    return replace(redrive, after=Place(source.drained_at, source.batch_id), tally=tally)


ONE_FIXED = Retrial("validate", "missing", 2, (letter(11),))
NONE_FIXED = Retrial("validate", "missing", 2)


def move(desk: Desk, redrive: Redrive, retrial: Retrial = ONE_FIXED) -> Redrive:
    """Record that a retrial fixed something in the next source."""
    source = desk.source(redrive)
    redrive = tried(redrive, source, retrial)
    desk.store.record(redrive, [retrial], batch(1, len(retrial.fixed), source.batch_id), LATER)
    return redrive


def test_sources_come_oldest_first_with_their_open_groups(desk: Desk) -> None:
    """Each batch with open dead letters is offered once, with where its objects lie."""
    desk.validated(2)
    redrive = desk.begin()
    first = desk.source(redrive)
    at = NOW + timedelta(minutes=1)
    assert Source("logs-1", SHARD.shard_id, "raw/1", "dlq/logs-1", at, (INVALID, MISSING)) == first
    second = desk.source(replace(redrive, after=Place(first.drained_at, first.batch_id)))
    assert second.batch_id == "logs-2"
    assert desk.store.next_source(replace(redrive, after=Place(second.drained_at, second.batch_id))) is None


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection("logs", reason="missing"), [("logs-1", (MISSING,)), ("logs-2", (MISSING,))]),
        (Selection("logs", batch_id="logs-2"), [("logs-2", (INVALID, MISSING))]),
        (Selection("logs", arrived_from=NOW + timedelta(minutes=2)), [("logs-2", (INVALID, MISSING))]),
        (Selection("logs", arrived_from=NOW + timedelta(minutes=2, seconds=31)), []),
        (Selection("logs", arrived_before=NOW + timedelta(minutes=2)), [("logs-1", (INVALID, MISSING))]),
        (Selection("logs", reason="missing", arrived_before=NOW), []),
        (Selection("transactions"), []),
    ],
    ids=repr,
)
def test_a_selection_narrows(
    desk: Desk, selection: Selection, expected: list[tuple[str, tuple[LetterGroup, ...]]]
) -> None:
    """Stream, reason, batch and time each leave out what they do not name."""
    desk.validated(2)
    redrive = desk.begin(selection=selection)
    found = []
    while source := desk.store.next_source(redrive):
        found.append((source.batch_id, source.groups))
        redrive = replace(redrive, after=Place(source.drained_at, source.batch_id))
    assert found == expected


def test_what_was_drained_since_the_redrive_began_is_left(desk: Desk) -> None:
    """A redrive has an end, also while dead letters keep coming."""
    desk.validated()
    assert desk.store.next_source(desk.store.begin(ALL, "run", NOW + timedelta(minutes=1), dry_run=False)) is None


def test_what_is_fixed_is_moved_into_a_batch_that_waits_for_validation(desk: Desk) -> None:
    """The batch is in the ledger, its letter is marked, and the rest of its group stays open."""
    desk.validated()
    redrive = move(desk, desk.begin())
    (claim,) = desk.ledger.claim("logs", Stage.VALIDATE, "run", 10, timedelta(seconds=60), LATER)
    assert (claim.batch_id, claim.records) == ("logs-1-redrive", 1)
    assert desk.store.moved("logs-1") == {letter(11)}
    assert desk.store.next_source(redrive) is None
    assert desk.source(desk.begin("another")).groups == (INVALID, LetterGroup("validate", "missing", 1))
    assert desk.store.open_reasons("logs") == {"json_invalid": 1, "missing": 1}


def test_a_group_that_is_wholly_fixed_is_offered_no_more(desk: Desk) -> None:
    """Redriving twice changes nothing."""
    desk.validated()
    move(desk, desk.begin(), Retrial("validate", "missing", 2, (letter(11), letter(12))))
    assert desk.source(desk.begin("another")).groups == (INVALID,)


def test_the_drain_does_not_take_a_redriven_batch_for_its_own(desk: Desk) -> None:
    """When the stream was last drained is not moved by a redrive."""
    desk.validated()
    move(desk, desk.begin())
    assert desk.ledger.last_drained_at("logs") == NOW + timedelta(minutes=1)


def test_a_letter_that_was_moved_is_moved_by_nobody_else(desk: Desk) -> None:
    """The loser is fenced, and neither its batch nor its attempt is in the ledger."""
    desk.validated()
    move(desk, desk.begin())
    redrive = desk.begin("another")
    source = desk.source(redrive)
    late = tried(redrive, source, NONE_FIXED, ONE_FIXED)
    with pytest.raises(FencedError):
        desk.store.record(late, [Retrial("validate", "json_invalid", 1), ONE_FIXED], batch(5, 1, "logs-1"), LATER)
    assert len(desk.ledger.claim("logs", Stage.VALIDATE, "run", 10, timedelta(seconds=60), LATER)) == 1
    assert desk.source(redrive) == source


def test_attempts_count_redrives_in_a_row_that_fixed_nothing(desk: Desk) -> None:
    """A success begins the count again."""
    desk.validated()
    counts = []
    for run, retrial in enumerate([NONE_FIXED, NONE_FIXED, ONE_FIXED, Retrial("validate", "missing", 1)]):
        redrive = desk.begin(str(run))
        source = desk.source(redrive)
        made = batch(1, 1, source.batch_id) if retrial.fixed else None
        desk.store.record(tried(redrive, source, retrial), [retrial], made, LATER)
        counts.append(desk.source(desk.begin("look")).groups[1].attempts)
    assert counts == [1, 2, 0, 1]


def test_a_discarded_group_is_never_offered(desk: Desk) -> None:
    """What an operator has given up stays given up."""
    desk.validated()
    desk.discard("logs-1", MISSING)
    assert desk.source(desk.begin()).groups == (INVALID,)


def test_a_group_that_is_discarded_meanwhile_is_not_moved(desk: Desk) -> None:
    """Between the look and the commit the operator's word counts."""
    desk.validated()
    redrive = desk.begin()
    source = desk.source(redrive)
    desk.discard("logs-1", MISSING)
    with pytest.raises(FencedError):
        desk.store.record(tried(redrive, source, ONE_FIXED), [ONE_FIXED], batch(1, 1, "logs-1"), LATER)
    assert desk.store.moved("logs-1") == set()


def test_a_dry_run_moves_nothing(desk: Desk) -> None:
    """It keeps its own tally and place, and nothing else."""
    desk.validated()
    redrive = desk.begin(dry_run=True)
    source = desk.source(redrive)
    redrive = tried(redrive, source, ONE_FIXED)
    desk.store.record(redrive, [ONE_FIXED], None, LATER)
    assert desk.source(desk.begin("another")) == source
    assert desk.store.moved("logs-1") == set()


def test_a_retry_goes_on_where_the_run_was_left(desk: Desk) -> None:
    """Tally and place are there again, and the try before it can record nothing more."""
    desk.validated(2)
    first = move(desk, desk.begin())
    sample = Sample("logs-1", "12", 0, "missing", "json_invalid", "Invalid JSON")
    first = replace(first, tally=Tally(3, 1, 2, 4, {"missing": (3, 1)}, (sample,)))
    desk.store.record(first, [], None, LATER)
    again = desk.begin()
    assert replace(first, token=again.token) == again
    with pytest.raises(FencedError):
        desk.store.record(tried(first, desk.source(first), NONE_FIXED), [NONE_FIXED], None, LATER)
    desk.store.finish(first, State.FAILED, LATER)
    assert desk.source(again).batch_id == "logs-2"


def test_a_run_that_is_done_begins_anew_when_it_is_asked_again(desk: Desk) -> None:
    """Clearing a finished run in Airflow redrives what is open by then."""
    desk.validated()
    done = move(desk, desk.begin())
    desk.store.finish(done, State.DONE, LATER)
    again = desk.begin()
    assert (again.redrive_id, again.after, again.tally) == (done.redrive_id, None, Tally())
    assert desk.source(again).batch_id == "logs-1"


def test_a_redrive_whose_run_was_killed_is_cancelled_by_the_next(desk: Desk) -> None:
    """Nobody has to tidy up behind a run that could not do so itself, and it cannot come back."""
    desk.validated()
    killed = desk.begin()
    source = desk.source(killed)
    assert desk.source(desk.begin("another")) == source
    with pytest.raises(FencedError):
        desk.store.record(tried(killed, source, NONE_FIXED), [NONE_FIXED], None, LATER)


@pytest.mark.integration
def test_a_letter_stays_moved_when_its_redriven_batch_is_forgotten(migrated_uri: str) -> None:
    """Housekeeping may remove the new batch's row before the old one's: that opens no second way."""
    with connected(migrated_uri) as connection:
        desk = Desk(PostgresLedger(connection), PostgresRedriveStore(connection), connection)
        desk.validated()
        move(desk, desk.begin())
        connection.execute("delete from cali.micro_batches where origin_batch_id is not null")
        assert desk.store.moved("logs-1") == {letter(11)}


@pytest.mark.integration
def test_the_trace_leads_from_a_dead_letter_to_its_new_batch(migrated_uri: str) -> None:
    """One query by a sequence number says where a record's bytes were, and in which batch it is now."""
    with connected(migrated_uri) as connection:
        desk = Desk(PostgresLedger(connection), PostgresRedriveStore(connection), connection)
        desk.validated()
        redrive = move(desk, desk.begin())
        trace = "select batch_id, dlq_key, redrive_id, redrive_batch_id, redrive_batch_state, redrive_state "
        found = connection.execute(trace + "from cali.dead_letter_trace where sequence_number = '11'").fetchall()
        unfixed = connection.execute(trace + "from cali.dead_letter_trace where redrive_id is null").fetchall()
    assert found == [("logs-1", "dlq/logs-1", redrive.redrive_id, "logs-1-redrive", "drained", "open")]
    assert unfixed == [("logs-1", "dlq/logs-1", None, None, None, "open")]
