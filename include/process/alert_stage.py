"""The alert stage: load, filter, fingerprint, group. What must reach Slack is in the outbox when a batch is done."""

import logging
from datetime import datetime

import pyarrow as pa

from include.alerts.contract import AlertStore
from include.alerts.grouping import group_events
from include.alerts.settings import AlertSettings
from include.errors import ConservationError
from include.ledger.ledger import Claim, Stage
from include.parquet import from_parquet
from include.process.work import StageReport, Workplace, work_off
from include.streams.loading import Loaded

log = logging.getLogger(__name__)
IDENTITY_COLUMNS = ("_shard_id", "_sequence_number", "_sub_sequence", "_arrived_at")


def alert_pending(place: Workplace, alerts: AlertStore, settings: AlertSettings, run_url: str) -> StageReport:
    """Load, filter and group every batch that waits; counts ``alertable`` and ``filtered``.

    A replay's batch is counted like any other, and joins the groups only when the replay was asked for alerts.

    The batch's counts, its groups and their outbox rows are one transaction, and so are its rows in the stream's own
    table where it has one. Sending comes after it.

    Raises:
        ConservationError: a batch's counts do not add up.
        CaliError: what the first failing batch met; the others are done.
    """

    def alert(claim: Claim, report: StageReport) -> None:
        staged = _staged(place, claim)
        with place.ledger.transaction():
            now = place.clock()
            loaded = _loaded(place, claim, staged, now)
            mask = place.stream.alertable(loaded.rows, settings.rules)
            told = pa.concat_tables([loaded.rows.filter(mask), loaded.beside])
            alertable = told.num_rows - loaded.beside.num_rows
            filtered = staged.num_rows - alertable
            place.ledger.complete_alert(claim, alertable, filtered, now)
            if claim.alerts:
                events = [place.stream.to_alert(row) for row in told.select(_columns(place)).to_pylist()]
                former = alerts.former(now, settings)
                increments = group_events(events, replayed=claim.generation > 0, former=former)
                alerts.apply(claim.batch_id, increments, now, run_url, settings)
        report.add(claim.batch_id, alertable=alertable, filtered=filtered)
        log.info("alerted batch=%s alertable=%d filtered=%d", claim.batch_id, alertable, filtered)

    return work_off(place, Stage.ALERT, alert)


def _columns(place: Workplace) -> list[str]:
    return [*place.stream.alert_columns, *IDENTITY_COLUMNS]


def _staged(place: Workplace, claim: Claim) -> pa.Table:
    """Return the batch's staged rows: all columns for a table, otherwise those that are looked at."""
    staged = from_parquet(place.store.get(claim.require_staged_key()), None if place.loader else _columns(place))
    if staged.num_rows != claim.valid:
        raise ConservationError(f"Batch {claim.batch_id}: valid {claim.valid}, staged {staged.num_rows}")
    return staged


def _loaded(place: Workplace, claim: Claim, staged: pa.Table, now: datetime) -> Loaded:
    if place.loader is None:
        return Loaded(staged, staged.slice(0, 0))
    return place.loader.load(staged, claim.batch_id, now, replayed=claim.generation > 0)
