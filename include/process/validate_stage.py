"""The validate stage: raw object in, staged object and dead letters out."""

import logging

from include.keys import Room, object_key
from include.ledger.ledger import Claim, Stage, Validated
from include.parquet import from_parquet, to_parquet
from include.process.work import StageReport, Workplace, work_off
from include.validation.validate import Origin, validate

log = logging.getLogger(__name__)


def validate_pending(place: Workplace) -> StageReport:
    """Validate every batch that waits; counts ``records``, ``valid`` and ``dead_lettered``.

    Raises:
        ConservationError: a batch's counts do not add up.
        CaliError: what the first failing batch met; the others are done.
    """
    return work_off(place, Stage.VALIDATE, lambda claim, report: _validate(place, claim, report))


def _validate(place: Workplace, claim: Claim, report: StageReport) -> None:
    raw = from_parquet(place.store.get(claim.raw_key))
    validation = validate(place.stream, raw, Origin(claim.stream, claim.batch_id, claim.shard_id))
    staged_key = dlq_key = None
    if validation.staged.num_rows:
        staged_key = _key(Room.STAGED, claim)
        place.store.put(staged_key, to_parquet(validation.staged))
    if validation.dead.num_rows:
        dlq_key = _key(Room.DLQ, claim)
        place.store.put(dlq_key, to_parquet(validation.dead))
    outcome = Validated(validation.staged.num_rows, staged_key, dlq_key, validation.dead_letter_groups())
    place.ledger.complete_validate(claim, outcome, place.clock())
    report.add(claim.batch_id, records=claim.records, valid=outcome.valid, dead_lettered=outcome.dead_lettered)
    for group in outcome.dead_letters:
        report.refuse(group.reason, group.records)
    log.info(
        "validated batch=%s records=%d valid=%d dead_lettered=%d",
        claim.batch_id,
        claim.records,
        outcome.valid,
        outcome.dead_lettered,
    )


def _key(room: Room, claim: Claim) -> str:
    # The batch's id names its content, so a retry replaces its own object and nobody else's.
    return object_key(room, claim.stream, claim.first_arrived_at, f"{claim.batch_id}.parquet", claim.generation)
