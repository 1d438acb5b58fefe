"""The alert stage: filter, fingerprint, group. What must reach Slack is in the outbox when a batch is done."""

import logging

from include.alerts.contract import AlertStore
from include.alerts.grouping import group_events
from include.alerts.settings import AlertSettings
from include.errors import ConservationError
from include.ledger.ledger import Claim, Stage
from include.parquet import from_parquet
from include.process.work import StageReport, Workplace, work_off

log = logging.getLogger(__name__)
IDENTITY_COLUMNS = ("_shard_id", "_sequence_number", "_sub_sequence", "_arrived_at")


def alert_pending(place: Workplace, alerts: AlertStore, settings: AlertSettings, run_url: str) -> StageReport:
    """Filter and group every batch that waits; counts ``alertable`` and ``filtered``.

    A replay's batch is counted like any other, and joins the groups only when the replay was asked for alerts.

    The batch's counts, its groups and their outbox rows are one transaction. Sending comes after it.

    Raises:
        ConservationError: a batch's counts do not add up.
        CaliError: what the first failing batch met; the others are done.
    """

    def alert(claim: Claim, report: StageReport) -> None:
        columns = [*place.stream.alert_columns, *IDENTITY_COLUMNS]
        staged = from_parquet(place.store.get(claim.require_staged_key()), columns)
        mask = place.stream.alertable(staged, settings.rules)
        events = [place.stream.to_alert(row) for row in staged.filter(mask).to_pylist()]
        filtered = staged.num_rows - len(events)
        if staged.num_rows != claim.valid:
            raise ConservationError(
                f"Batch {claim.batch_id}: valid {claim.valid}, alertable {len(events)}, filtered {filtered}"
            )
        with place.ledger.transaction():
            now = place.clock()
            place.ledger.complete_alert(claim, len(events), filtered, now)
            if claim.alerts:
                former = alerts.former(now, settings)
                increments = group_events(events, replayed=claim.generation > 0, former=former)
                alerts.apply(claim.batch_id, increments, now, run_url, settings)
        report.add(claim.batch_id, alertable=len(events), filtered=filtered)
        log.info("alerted batch=%s alertable=%d filtered=%d", claim.batch_id, len(events), filtered)

    return work_off(place, Stage.ALERT, alert)
