"""Reconcile a stream: examine a span, write the report down in three places, tell of what differs, and end red."""

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from include.alerts.event import RecordIdentity, quality_event
from include.alerts.grouping import group_events
from include.errors import DifferenceError
from include.keys import Room
from include.process.audit_stage import QualityDesk
from include.proof.reconciliation.examine import Archive, examine
from include.proof.reconciliation.report import Findings, to_text
from include.proof.reconciliation.store import Reconciliation
from include.proof.reconciliation.values import MEANING, Difference, Kind, Span

log = logging.getLogger(__name__)

SUITE = "reconciliation"
MOST_NAMES = 3


def reconcile(archive: Archive, span: Span, desk: QualityDesk, run_id: str) -> Reconciliation:
    """Examine a span of a stream's arrival times and write down what came of it.

    The same run again replaces what it wrote, and tells nobody a second time.

    Raises:
        DifferenceError: something differs; it is written down and told.
        TransientError: Kinesis, S3 or Postgres was away.
        ConfigurationError: the stream or the bucket does not exist, or may not be read.
    """
    started_at = archive.source.clock()
    findings = examine(archive, span)
    result = _result(archive, span, findings, run_id, started_at)
    report = json.dumps(result.report, indent=2, default=str).encode()
    archive.objects.put(result.report_key, report, "application/json")
    with archive.store.transaction():
        archive.store.save(result)
        _tell(archive, desk, findings, run_id)
    log.info(
        "reconciled stream=%s state=%s\n%s", archive.stream, findings.state, to_text(archive.stream, span, findings)
    )
    if findings.differences:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(findings.counts.items()))
        raise DifferenceError(
            f"{archive.stream}: {findings.differences} differences ({kinds}) in what arrived from "
            f"{span.start.isoformat()} to {span.end.isoformat()}; the report is {result.report_key} in the bucket, "
            f"and cali.reconciliations has it under run_id {run_id}"
        )
    return result


def report_key(stream: str, span: Span, run_id: str) -> str:
    """Return where a run's report on a stream lies; the same run's next report replaces it."""
    start = span.start.astimezone(UTC)
    return f"{Room.QUALITY}/reconcile/stream={stream}/dt={start:%Y-%m-%d}/{re.sub(r'[^A-Za-z0-9.-]', '_', run_id)}.json"


def _result(archive: Archive, span: Span, findings: Findings, run_id: str, started_at: datetime) -> Reconciliation:
    finished_at = archive.source.clock()
    head = {
        "stream": archive.stream,
        "from": span.start.isoformat(),
        "to": span.end.isoformat(),
        "run_id": run_id,
        "started_at": started_at.isoformat(),
        "finished_at": finished_at.isoformat(),
    }
    return Reconciliation(
        stream=archive.stream,
        from_at=span.start,
        to_at=span.end,
        run_id=run_id,
        state=findings.state,
        batches=findings.batches,
        records=findings.records,
        objects=findings.objects,
        stream_records=findings.stream_records,
        differences=findings.differences,
        report=head | findings.to_json(),
        report_key=report_key(archive.stream, span, run_id),
        started_at=started_at,
        finished_at=finished_at,
    )


def _tell(archive: Archive, desk: QualityDesk, findings: Findings, run_id: str) -> None:
    """Put one event of each kind into its group; a kind that this run has told of is not counted again."""
    now = archive.source.clock()
    for kind, examples in findings.examples.items():
        what = f"{findings.counts[kind]} times {MEANING[kind]}; {_names(kind, examples)}"
        identity = RecordIdentity(examples[0].shard_id, examples[0].sequence_number)
        event = quality_event(archive.stream, SUITE, {kind.value: what}, identity, now)
        occasion = f"{SUITE}/{archive.stream}/{run_id}/{kind}"
        desk.alerts.apply(occasion, group_events([event]), now, desk.run_url, desk.settings)


def _names(kind: Kind, examples: Iterable[Difference]) -> str:
    named = [f"{one.key or one.batch_id or one.shard_id}: {one.detail}" for one in examples]
    return f"{kind}: " + "; ".join(named[:MOST_NAMES])
