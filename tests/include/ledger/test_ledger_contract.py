"""Both ledgers keep the Protocol's promises."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.errors import FencedError
from include.ledger.ledger import Advance, Audited, Claim, DeadLetterGroup, Ledger, Stage, Validated
from include.ledger.memory import InMemoryLedger
from include.ledger.postgres import PostgresLedger, connected
from include.records import Checkpoint, Gap, GapReason, MicroBatch, Shard
from include.sql.migrate import upgrade

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SHARD = Shard("shardId-000000000000")


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Yield an empty ledger."""
    if request.param == "memory":
        yield InMemoryLedger()
        return
    uri = request.getfixturevalue("postgres_uri")
    upgrade(uri)
    with connected(uri) as connection:
        yield PostgresLedger(connection)


def batch(number: int, records: int = 3) -> MicroBatch:
    """Return a batch of ten sequence numbers' width."""
    return MicroBatch(
        batch_id=f"logs-{SHARD.shard_id}-{number}",
        stream="logs",
        shard_id=SHARD.shard_id,
        first_sequence_number=str(number * 10),
        first_sub_sequence=0,
        last_sequence_number=str(number * 10 + 2),
        last_sub_sequence=0,
        records=records,
        bytes=records * 100,
        sha256="0" * 64,
        first_arrived_at=NOW,
        last_arrived_at=NOW + timedelta(seconds=1),
        raw_key=f"raw/{number}",
    )


def advance(number: int, version: int, *, closed: bool = False) -> Advance:
    """Return the advance that goes with a batch."""
    return Advance("logs", SHARD.shard_id, version, str(number * 10 + 2), closed, NOW)


def drained(ledger: Ledger, count: int = 1) -> None:
    """Commit so many batches."""
    ledger.register("logs", [SHARD], None, NOW)
    for number in range(1, count + 1):
        ledger.commit_drain(batch(number), advance(number, number - 1), "run", NOW + timedelta(milliseconds=number))


def claim_one(ledger: Ledger, stage: Stage, owner: str = "run", now: datetime = NOW + timedelta(seconds=1)) -> Claim:
    """Claim the one batch that waits."""
    (claim,) = ledger.claim("logs", stage, owner, 10, LEASE, now)
    return claim


def test_the_first_shards_begin_where_asked_and_later_ones_at_their_own_beginning(ledger: Ledger) -> None:
    """Only the shards of a stream's first sight take the given start."""
    start = NOW - timedelta(hours=1)
    ledger.register("logs", [SHARD], start, NOW)
    ledger.register("logs", [SHARD, Shard("shardId-000000000001", (SHARD.shard_id,))], start, NOW)
    starts = {shard: checkpoint.start_at for shard, checkpoint in ledger.checkpoints("logs").items()}
    assert starts == {SHARD.shard_id: start, "shardId-000000000001": None}


def test_a_shard_has_the_parents_that_the_stream_names_now(ledger: Ledger) -> None:
    """A stream that was made anew may have a first shard where the old one had a child; it waits for nobody."""
    ledger.register("logs", [SHARD, Shard("other", (SHARD.shard_id,))], None, NOW)
    ledger.commit_drain(batch(1), advance(1, 0), "run", NOW)
    ledger.register("logs", [SHARD, Shard("other", (), "7")], NOW, NOW)
    assert ledger.checkpoints("logs")["other"] == Checkpoint("other", shard_start="0")
    assert ledger.checkpoints("logs")[SHARD.shard_id].version == 1


def test_a_commit_moves_the_checkpoint_and_its_version(ledger: Ledger) -> None:
    """A drained batch is in the ledger and the checkpoint stands at its last record."""
    drained(ledger)
    checkpoint = ledger.checkpoints("logs")[SHARD.shard_id]
    assert (checkpoint.sequence_number, checkpoint.version, checkpoint.closed) == ("12", 1, False)
    assert ledger.last_drained_at("logs") == NOW + timedelta(milliseconds=1)


def test_a_commit_from_an_old_version_is_fenced_and_changes_nothing(ledger: Ledger) -> None:
    """Of two drains that read the same checkpoint the second one commits nothing."""
    drained(ledger)
    with pytest.raises(FencedError):
        ledger.commit_drain(batch(2), advance(2, 0), "zombie", NOW)
    assert ledger.checkpoints("logs")[SHARD.shard_id].sequence_number == "12"
    assert len(ledger.claim("logs", Stage.VALIDATE, "run", 10, LEASE, NOW + LEASE)) == 1


def test_a_closed_shard_advances_no_more(ledger: Ledger) -> None:
    """Closing a shard is final."""
    ledger.register("logs", [SHARD], None, NOW)
    ledger.commit_drain(batch(1), advance(1, 0, closed=True), "run", NOW)
    with pytest.raises(FencedError):
        ledger.commit_drain(batch(2), advance(2, 1), "run", NOW)
    assert ledger.checkpoints("logs")[SHARD.shard_id].closed


def test_a_shard_without_records_can_be_closed_without_a_batch(ledger: Ledger) -> None:
    """An empty shard that ended leaves a closed checkpoint and no batch."""
    ledger.register("logs", [SHARD], None, NOW)
    ledger.commit_drain(None, Advance("logs", SHARD.shard_id, 0, None, True, None), "run", NOW)
    assert ledger.checkpoints("logs")[SHARD.shard_id].closed
    assert ledger.last_drained_at("logs") is None


GAP = Gap("logs", SHARD.shard_id, GapReason.RETENTION, "12", NOW - timedelta(hours=30), NOW - timedelta(hours=24))


def over(gap: Gap, version: int, sequence_number: str | None = None, *, rewound: bool = False) -> Advance:
    """Return a step over a gap."""
    start = "20" if rewound else None
    return Advance("logs", SHARD.shard_id, version, sequence_number, False, None, NOW, gap, rewound, start)


def test_a_gap_is_recorded_with_the_step_over_it(ledger: Ledger) -> None:
    """The row says from where to where; the checkpoint stands where it stood, one version on, and is caught up."""
    drained(ledger)
    ledger.commit_drain(None, over(GAP, 1), "run", NOW)
    checkpoint = ledger.checkpoints("logs")[SHARD.shard_id]
    assert ledger.gaps("logs") == [GAP]
    assert (checkpoint.sequence_number, checkpoint.version, checkpoint.caught_up_at) == ("12", 2, NOW)
    assert (GAP.span_s, ledger.gaps("other")) == (6 * 3600, [])


def test_a_gap_is_recorded_once(ledger: Ledger) -> None:
    """The same hole, met again, adds no second row; another one does."""
    drained(ledger)
    another = replace(GAP, from_at=GAP.to_at, to_at=NOW)
    for version, gap in enumerate([GAP, replace(GAP, to_at=NOW), another], start=1):
        ledger.commit_drain(None, over(gap, version), "run", NOW + timedelta(seconds=version))
    assert ledger.gaps("logs") == [GAP, another]


def test_a_fenced_step_records_no_gap(ledger: Ledger) -> None:
    """A gap belongs to the run that steps over it."""
    drained(ledger)
    with pytest.raises(FencedError):
        ledger.commit_drain(None, over(GAP, 0), "zombie", NOW)
    assert ledger.gaps("logs") == []
    assert ledger.checkpoints("logs")[SHARD.shard_id].caught_up_at is None


def test_a_rewound_step_forgets_the_old_record_and_opens_what_was_closed(ledger: Ledger) -> None:
    """A sequence number that means nothing to the stream is not asked for again."""
    ledger.register("logs", [SHARD], NOW, NOW)
    ledger.commit_drain(batch(1), advance(1, 0, closed=True), "run", NOW)
    gap = replace(GAP, reason=GapReason.UNKNOWN_SEQUENCE)
    ledger.commit_drain(None, over(gap, 1, rewound=True), "run", NOW)
    checkpoint = ledger.checkpoints("logs")[SHARD.shard_id]
    assert (checkpoint.sequence_number, checkpoint.start_at, checkpoint.closed) == (None, None, False)
    assert checkpoint.shard_start == "20"
    ledger.commit_drain(batch(2), over(replace(gap, to_at=NOW), 2, "22", rewound=True), "run", NOW)
    assert ledger.checkpoints("logs")[SHARD.shard_id].sequence_number == "22"


def test_being_caught_up_never_moves_back_and_fences_nobody(ledger: Ledger) -> None:
    """A run that was overtaken may note an older moment; the newer one stays, and so does the version."""
    later = NOW + timedelta(minutes=1)
    ledger.register("logs", [SHARD, Shard("other")], None, NOW)
    for at in (NOW, later, NOW):
        ledger.catch_up("logs", {SHARD.shard_id: at})
    checkpoints = ledger.checkpoints("logs")
    assert (checkpoints[SHARD.shard_id].caught_up_at, checkpoints["other"].caught_up_at) == (later, None)
    assert checkpoints[SHARD.shard_id].version == 0
    ledger.commit_drain(batch(1), replace(advance(1, 0), caught_up_at=NOW), "run", NOW)
    assert ledger.checkpoints("logs")[SHARD.shard_id].caught_up_at == later


def test_claims_are_oldest_first_and_exclusive(ledger: Ledger) -> None:
    """What one run holds, another does not get."""
    drained(ledger, 3)
    later = NOW + timedelta(seconds=1)
    first = ledger.claim("logs", Stage.VALIDATE, "one", 2, LEASE, later)
    second = ledger.claim("logs", Stage.VALIDATE, "two", 10, LEASE, later)
    assert [claim.batch_id[-1] for claim in first] == ["1", "2"]
    assert [claim.batch_id[-1] for claim in second] == ["3"]


def test_an_expired_lease_frees_the_work_and_fences_its_old_holder(ledger: Ledger) -> None:
    """A run that comes back from the dead commits nothing."""
    drained(ledger)
    old = claim_one(ledger, Stage.VALIDATE, "dead")
    assert ledger.claim("logs", Stage.VALIDATE, "new", 10, LEASE, NOW + LEASE) == []
    new = claim_one(ledger, Stage.VALIDATE, "new", NOW + LEASE * 2)
    with pytest.raises(FencedError):
        ledger.complete_validate(old, Validated(3, "staged/1", None), NOW)
    ledger.complete_validate(new, Validated(3, "staged/1", None), NOW)
    assert len(ledger.claim("logs", Stage.AUDIT, "run", 10, LEASE, NOW + LEASE)) == 1


def test_a_retry_of_the_same_run_takes_its_own_work_again_at_once(ledger: Ledger) -> None:
    """A killed task's next try does not wait for the lease of the first."""
    drained(ledger)
    first = claim_one(ledger, Stage.VALIDATE, "run")
    again = claim_one(ledger, Stage.VALIDATE, "run")
    assert (again.batch_id, again.token) == (first.batch_id, first.token + 1)


def test_validation_opens_alert_and_audit_side_by_side(ledger: Ledger) -> None:
    """A validated batch waits for both of the stages behind it, with its counts."""
    drained(ledger)
    groups = [DeadLetterGroup("validate", "missing", 1, "level: Field required")]
    ledger.complete_validate(claim_one(ledger, Stage.VALIDATE), Validated(2, "staged/1", "dlq/1", groups), NOW)
    assert [ledger.unfinished("logs", NOW, stage) for stage in (None, *Stage)] == [2, 0, 1, 1]
    alert, audit = claim_one(ledger, Stage.ALERT), claim_one(ledger, Stage.AUDIT)
    assert {(claim.staged_key, claim.valid) for claim in (alert, audit)} == {("staged/1", 2)}


def test_a_batch_without_a_valid_record_is_finished_by_validation(ledger: Ledger) -> None:
    """Nothing is left to alert on or to audit when every record is a dead letter."""
    drained(ledger)
    groups = [DeadLetterGroup("validate", "json_invalid", 3, "Invalid JSON")]
    ledger.complete_validate(claim_one(ledger, Stage.VALIDATE), Validated(0, None, "dlq/1", groups), NOW)
    assert ledger.unfinished("logs", NOW + LEASE) == 0


@pytest.mark.parametrize(("valid", "dead"), [(3, 1), (2, 0), (0, 2)])
def test_counts_that_do_not_add_up_are_refused(ledger: Ledger, valid: int, dead: int) -> None:
    """The ledger itself holds read = valid + dead-lettered."""
    drained(ledger)
    groups = [DeadLetterGroup("validate", "missing", dead, "x")] if dead else []
    with pytest.raises(Exception, match=r"read_is_valid_and_dead_lettered|logs-shardId"):
        ledger.complete_validate(claim_one(ledger, Stage.VALIDATE), Validated(valid, "s", "d", groups), NOW)


def test_alert_counts_that_do_not_add_up_are_refused(ledger: Ledger) -> None:
    """The ledger itself holds valid = alertable + filtered."""
    drained(ledger)
    ledger.complete_validate(claim_one(ledger, Stage.VALIDATE), Validated(3, "staged/1", None), NOW)
    with pytest.raises(Exception, match=r"valid_is_alertable_and_filtered|logs-shardId"):
        ledger.complete_alert(claim_one(ledger, Stage.ALERT), 1, 1, NOW)


def test_a_released_stage_rests_until_its_time(ledger: Ledger) -> None:
    """Work that failed is neither lost nor tried in a tight loop."""
    drained(ledger)
    ledger.release(claim_one(ledger, Stage.VALIDATE), "S3 did not answer", NOW + LEASE)
    assert ledger.claim("logs", Stage.VALIDATE, "run", 10, LEASE, NOW + LEASE / 2) == []
    assert ledger.unfinished("logs", NOW + LEASE / 2) == 0
    assert ledger.unfinished("logs", NOW + LEASE) == 1
    assert len(ledger.claim("logs", Stage.VALIDATE, "run", 10, LEASE, NOW + LEASE)) == 1


def test_an_audit_keeps_its_result_and_the_time_of_its_page(ledger: Ledger) -> None:
    """The newest page's time is what the next decision on a page is made from."""
    drained(ledger)
    ledger.complete_validate(claim_one(ledger, Stage.VALIDATE), Validated(3, "staged/1", None), NOW)
    assert ledger.last_docs_at("logs") is None
    quality = {
        "suite": "logs",
        "suite_version": "1",
        "success": True,
        "evaluated": 5,
        "successful": 5,
        "report": {"rows": 3},
        "docs_key": "quality/1.html",
        "started_at": NOW.isoformat(),
        "duration_s": 0.1,
    }
    ledger.complete_audit(claim_one(ledger, Stage.AUDIT), Audited("clean/1", quality), NOW)
    assert ledger.last_docs_at("logs") == NOW


def test_a_failing_transaction_leaves_no_trace(ledger: Ledger) -> None:
    """Whatever happened inside is undone when an exception leaves the block."""
    ledger.register("logs", [SHARD], None, NOW)

    def commit_and_fail() -> None:
        with ledger.transaction():
            ledger.commit_drain(batch(1), advance(1, 0), "run", NOW)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        commit_and_fail()
    assert ledger.checkpoints("logs")[SHARD.shard_id].version == 0
    assert ledger.last_drained_at("logs") is None


def replayed(ledger: Ledger, generation: int) -> Ledger:
    """Commit the first live batch again, in another generation."""
    replay = ledger.for_generation(generation)
    replay.register("logs", [SHARD], None, NOW)
    again = replace(
        batch(1), batch_id=f"{batch(1).batch_id}-r{generation}", raw_key=f"replay/{generation}", generation=generation
    )
    replay.commit_drain(again, advance(1, 0), "replay", NOW)
    return replay


def test_a_replay_has_checkpoints_of_its_own(ledger: Ledger) -> None:
    """The same record is drained once more in each generation, and the live checkpoint does not move for it."""
    drained(ledger, 2)
    live = ledger.checkpoints("logs"), ledger.last_drained_at("logs")
    replay = replayed(ledger, 1)
    replayed(ledger, 2)
    assert (ledger.checkpoints("logs"), ledger.last_drained_at("logs")) == live
    assert replay.checkpoints("logs")[SHARD.shard_id].sequence_number == "12"
    assert (replay.generation, replay.last_drained_at("logs")) == (1, NOW)


def test_a_generation_is_fenced_by_itself(ledger: Ledger) -> None:
    """Two drains of one replay exclude each other as two live ones do."""
    drained(ledger)
    replay = replayed(ledger, 1)
    with pytest.raises(FencedError):
        replay.commit_drain(None, advance(2, 0), "zombie", NOW)
    ledger.commit_drain(batch(2), advance(2, 1), "run", NOW)


def test_the_stages_take_work_of_all_generations_and_the_live_first(ledger: Ledger) -> None:
    """A replay's batch is worked off like any other, behind the live ones, and says that nobody is to be told."""
    replayed(ledger, 7)
    drained(ledger, 2)
    later = NOW + timedelta(seconds=1)
    assert ledger.unfinished("logs", later) == 3
    claims = ledger.claim("logs", Stage.VALIDATE, "run", 10, LEASE, later)
    assert [(claim.generation, claim.alerts) for claim in claims] == [(0, True), (0, True), (7, False)]


def test_a_failing_transaction_of_a_replay_leaves_no_trace(ledger: Ledger) -> None:
    """Ledgers of several generations undo what either did inside the one transaction."""

    def commit_and_fail() -> None:
        with ledger.transaction():
            replayed(ledger, 1)
            raise RuntimeError("killed")

    replay = ledger.for_generation(1)
    with pytest.raises(RuntimeError):
        commit_and_fail()
    assert (replay.checkpoints("logs"), replay.last_drained_at("logs")) == ({}, None)
