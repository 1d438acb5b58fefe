"""The audit stage: write, audit, publish. A staged batch passes its suite into ``clean/``, or is quarantined.

Quarantine is a verdict, never a deletion: the batch stays in ``staged/``, the ledger says so, and people are told.
"""

import logging
from dataclasses import dataclass

import pyarrow as pa

from include.alerts.contract import AlertStore
from include.alerts.event import RecordIdentity, quality_event
from include.alerts.grouping import group_events
from include.alerts.settings import AlertSettings
from include.audit import ExpectationOutcome, QualityReport, audit, decide_docs, render_data_docs
from include.errors import ConservationError
from include.keys import Room, object_key
from include.ledger.ledger import Audited, Claim, Stage
from include.parquet import from_parquet
from include.process.work import StageReport, Workplace, work_off

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QualityDesk:
    """Where failed audits are told: the alert store, its settings, and the address of the run that judged."""

    alerts: AlertStore
    settings: AlertSettings
    run_url: str


def audit_pending(place: Workplace, desk: QualityDesk) -> StageReport:
    """Audit every batch that waits; counts ``published`` and ``quarantined``.

    Raises:
        ConservationError: a staged object does not hold what the ledger says.
        CaliError: what the first failing batch met; the others are done.
    """
    return work_off(place, Stage.AUDIT, lambda claim, report: _audit(place, desk, claim, report))


def _audit(place: Workplace, desk: QualityDesk, claim: Claim, report: StageReport) -> None:
    staged_key = claim.require_staged_key()
    staged = from_parquet(place.store.get(staged_key))
    if staged.num_rows != claim.valid:
        raise ConservationError(f"{staged_key} holds {staged.num_rows} records, the ledger says {claim.valid}")
    verdict = audit(staged, place.stream.suite(), place.clock())
    clean_key = None
    if verdict.success:
        clean_key = _key(Room.CLEAN, claim, "parquet")
        place.store.copy(staged_key, clean_key)
    docs_key = _docs(place, claim, verdict)
    outcome = Audited(clean_key, verdict.to_row(claim.batch_id, docs_key))
    with place.ledger.transaction():
        place.ledger.complete_audit(claim, outcome, place.clock())
        if not verdict.success and claim.alerts:
            _tell(place, desk, claim, verdict, staged)
    report.add(claim.batch_id, published=int(verdict.success), quarantined=int(not verdict.success))
    log.info(
        "audited batch=%s success=%s expectations=%d/%d duration_s=%.3f",
        claim.batch_id,
        verdict.success,
        verdict.successful,
        verdict.evaluated,
        verdict.duration_s,
    )


def _docs(place: Workplace, claim: Claim, verdict: QualityReport) -> str | None:
    """Store the verdict as a page where one is worth its cost."""
    decision = decide_docs(
        success=verdict.success, last_rendered_at=place.ledger.last_docs_at(claim.stream), now=place.clock()
    )
    if not decision.render:
        return None
    key = _key(Room.QUALITY, claim, "html")
    place.store.put(key, render_data_docs(verdict, claim.batch_id), "text/html; charset=utf-8")
    return key


def _key(room: Room, claim: Claim, suffix: str) -> str:
    return object_key(room, claim.stream, claim.first_arrived_at, f"{claim.batch_id}.{suffix}", claim.generation)


def _tell(place: Workplace, desk: QualityDesk, claim: Claim, verdict: QualityReport, staged: pa.Table) -> None:
    failures = {_label(outcome): _explanation(outcome) for outcome in verdict.failures()}
    identity = RecordIdentity(
        claim.shard_id, staged.column("_sequence_number")[0].as_py(), staged.column("_sub_sequence")[0].as_py()
    )
    event = quality_event(claim.stream, verdict.suite, failures, identity, place.clock())
    increments = group_events([event], replayed=claim.generation > 0)
    desk.alerts.apply(claim.batch_id, increments, place.clock(), desk.run_url, desk.settings)


def _label(outcome: ExpectationOutcome) -> str:
    return f"{outcome.type}({', '.join(outcome.columns)})" if outcome.columns else outcome.type


def _explanation(outcome: ExpectationOutcome) -> str:
    if outcome.exception is not None:
        return f"could not be judged: {outcome.exception}"
    if outcome.unexpected_count is not None:
        return f"{outcome.unexpected_count} of {outcome.element_count} rows"
    return f"observed {outcome.observed}"
