"""``KinesisDrainOperator``: drain a Kinesis stream into raw micro-batches on S3, each record exactly once."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from cali import connections, metrics, sla
from cali.backlog import stream_has_backlog
from cali.triggers.kinesis_backlog import PATIENCE, KinesisBacklogTrigger
from include.drain.lanes import EVERY_SHARD, Lane
from include.errors import ConfigurationError
from include.records import utc_now
from include.settings import StreamSettings, stream_settings

if TYPE_CHECKING:
    import psycopg
    from airflow.sdk import Context

    from include.adapters.object_store import S3ObjectStore
    from include.drain.drain import DrainReport, DrainRequest
    from include.drain.read_shard import ShardSource
    from include.ledger.postgres import PostgresLedger
    from include.records import Gap

Counts = Counter[str]

MOST_IDS = 20
"""Batch ids that go through XCom; the ledger has them all."""
NOTHING = frozenset({"", "None"})
"""What a template renders to where the form's field was left empty."""
PAUSE_S = 0.4
"""How long a run that stays rests between two drains: it halves to the delay that this adds, and bounds the batches."""
ENDED = ("success", "skipped", "failed", "upstream_failed", "removed")
"""The states of a task that does nothing more in its run."""


class KinesisDrainOperator(BaseOperator):
    """Drains what lies past the stream's checkpoint; waits in the triggerer, without a worker slot, while nothing does.

    It looks for a backlog first and defers only when there is none, because under load a way through the triggerer
    costs seconds. While records keep coming it drains again and again, for the settings' ``stay``, because a new run
    costs most of a second. The run ends as skipped when nothing came for the settings' ``idle_s``, so that an outlet
    Asset stands for batches and nothing else. It also succeeds, without a batch, when a stage of an older batch waits
    for a run: the Asset then wakes the one that does it.

    What the stream lost before it was drained becomes a row of ``cali.stream_gaps`` and an alert, once.

    With ``express`` its process goes straight on to validate and alert what it has just drained, because a task for
    each of them would cost half a second and more. Whatever fails there is left to a process DAG.

    Several lanes share a stream's shards between them: ``KinesisDrainOperator.partial(task_id="drain", stream="logs",
    lanes=4).expand(lane=[0, 1, 2, 3])``. Only lane 0 waits, and only while no lane has anything to drain; the others
    end as skipped at once. When the doorbell rings and they have all ended, lane 0 answers for the whole stream.

    Returns a claim check: ids and counts of the batches, never records.

    Args:
        stream: the stream's name in CALI's ledger.
        settings: the stream's settings; by default from the environment.
        max_records: records of each shard's batch in this run, at most; templated.
        from_timestamp: ISO 8601 with zone; where a stream that was never drained begins; templated. A stream that
            was drained before goes on at its checkpoints.
        express: whether to validate and alert the batches at once; needs the Connection to Slack too.
        lane: which of the lanes this task is, from 0 on.
        lanes: how many lanes the stream's shards are spread over.
        aws_conn_id: the Connection to AWS, for Kinesis and S3.
        postgres_conn_id: the Connection to CALI's database.
    """

    template_fields: Sequence[str] = ("max_records", "from_timestamp")
    ui_color = "#d5e8f5"

    def __init__(
        self,
        *,
        stream: str,
        settings: StreamSettings | None = None,
        max_records: int | str | None = None,
        from_timestamp: str | None = None,
        express: bool = False,
        lane: int = 0,
        lanes: int = 1,
        aws_conn_id: str = connections.AWS,
        postgres_conn_id: str = connections.POSTGRES,
        **arguments: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**arguments)
        self.stream = stream
        self.settings = settings
        self.max_records = max_records
        self.from_timestamp = from_timestamp
        self.express = express
        self.lane = lane
        self.lanes = lanes
        self.aws_conn_id = aws_conn_id
        self.postgres_conn_id = postgres_conn_id

    def execute(self, context: "Context") -> dict[str, object]:
        """Drain at once, or wait for the doorbell."""
        outcome = self._drain(context, Lane(self.lane, self.lanes))
        if outcome is None:
            self._skip_unless_at_rest()
            settings = self._settings()
            trigger = KinesisBacklogTrigger.of(
                self.stream,
                settings,
                self.aws_conn_id,
                self.postgres_conn_id,
                idle_s=settings.idle_s,
                forgotten_work=True,
            )
            self.defer(trigger=trigger, method_name=self.answer.__name__)
        return outcome

    def answer(self, context: "Context", event: dict[str, str]) -> dict[str, object]:
        """Answer the doorbell: drain whatever there is, however often it rang."""
        # At rest one task is enough, and a run of all lanes would come a second later.
        lane = EVERY_SHARD if self._is_alone(context) else Lane(self.lane, self.lanes)
        outcome = self._drain(context, lane)
        if outcome is None:
            raise AirflowSkipException(f"Nothing to drain from {self.stream} (doorbell: {event['reason']})")
        return outcome

    def _skip_unless_at_rest(self) -> None:
        """End this lane where another one waits at the doorbell, or has something to drain: nobody waits for nothing.

        Raises:
            AirflowSkipException: this lane has nothing to do.
        """
        if self.lane > 0:
            raise AirflowSkipException(f"Nothing to drain from {self.stream} in lane {self.lane}")
        if self.lanes > 1 and stream_has_backlog(
            self.stream, self._settings(), self.aws_conn_id, self.postgres_conn_id
        ):
            raise AirflowSkipException(f"Nothing to drain from {self.stream} in lane 0; other lanes are at work")

    def _is_alone(self, context: "Context") -> bool:
        """Return whether the run's other lanes have ended."""
        if self.lanes == 1:
            return True
        run = context["dag_run"]
        ended = context["ti"].get_ti_count(
            dag_id=run.dag_id, task_ids=[self.task_id], run_ids=[run.run_id], states=list(ENDED)
        )
        return ended == self.lanes - 1

    def _drain(self, context: "Context", lane: Lane) -> dict[str, object] | None:
        from include.drain.drain import DrainRequest  # noqa: PLC0415
        from include.drain.read_shard import ShardSource  # noqa: PLC0415
        from include.ledger.postgres import PostgresLedger, connected  # noqa: PLC0415

        settings = self._settings()
        reader = connections.stream_reader(self.aws_conn_id)
        store = connections.object_store(settings.bucket, self.aws_conn_id)
        source = ShardSource(self.stream, settings.kinesis_stream, reader, utc_now, time.sleep)
        most = _positive("max_records", self.max_records)
        start_at = _instant("from_timestamp", self.from_timestamp)
        with connected(connections.postgres_uri(connections.connection(self.postgres_conn_id))) as database:
            on_gap = partial(_tell, database, context)
            request = DrainRequest(context["run_id"], settings.hints(most), start_at, settings.payloads, on_gap, lane)
            ledger = PostgresLedger(database)
            desk = _Desk(source, store, ledger, database, context)
            # Who asked for so many records is not to get several times as many.
            report, express = self._repeated(desk, request, timedelta(0) if most else settings.profile().stay)
            # One lane is enough to wake the stages.
            looks = not report.batches and lane.number == 0
            unfinished = ledger.unfinished(self.stream, utc_now() - PATIENCE) if looks else 0
            sla.tell_drained(database, self.stream, context["run_id"], idle=not report.batches)
        return _claim_check(report, express, unfinished) if report.batches or unfinished else None

    def _repeated(self, desk: "_Desk", request: "DrainRequest", stay: timedelta) -> "tuple[DrainReport, Counts]":
        """Drain, and as long as that finds something drain again until ``stay`` is over."""
        until = time.monotonic() + stay.total_seconds()
        report, express = self._once(desk, request)
        last = report
        while last.batches and time.monotonic() < until:
            time.sleep(PAUSE_S)
            last, counts = self._once(desk, request)
            report.follow(last)
            express.update(counts)
        return report, express

    def _once(self, desk: "_Desk", request: "DrainRequest") -> "tuple[DrainReport, Counts]":
        """Drain once, and with ``express`` validate and alert what that brought."""
        from include.drain.drain import drain  # noqa: PLC0415

        began = time.perf_counter()
        report = drain(desk.source, desk.store, desk.ledger, request)
        metrics.drained(self.stream, report, time.perf_counter() - began)
        if not self.express or not report.batches:
            return report, Counter()
        return report, self._go_on(desk, len(report.batches))

    def _go_on(self, desk: "_Desk", batches: int) -> "Counts":
        from cali.stages import express, workplace  # noqa: PLC0415

        # What an owner holds it may take again: lanes must not be taken for one another.
        owner = f"{desk.context['run_id']}/{self.task_id}" + (f"/{self.lane}" if self.lanes > 1 else "")
        place = workplace(self.stream, desk.store, desk.database, owner)
        return express(replace(place, most=batches, hands_on=True), desk.database, desk.context)

    def _settings(self) -> StreamSettings:
        return self.settings or stream_settings(self.stream)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a run works with from its first drain to its last."""

    source: "ShardSource"
    store: "S3ObjectStore"
    ledger: "PostgresLedger"
    database: "psycopg.Connection"
    context: "Context"


def _claim_check(report: "DrainReport", express: "Counts", unfinished: int) -> dict[str, object]:
    return {
        "batches": [batch.batch_id for batch in report.batches[:MOST_IDS]],
        "batch_count": len(report.batches),
        "records": report.records,
        "closed_shards": report.closed_shards,
        "behind_s": report.behind_s,
        "gaps": len(report.gaps),
        "unfinished": unfinished,
        "express": dict(express),
    }


def _tell(database: "psycopg.Connection", context: "Context", gap: "Gap") -> None:
    """Put a gap among the alerts, in the transaction that is open on the connection."""
    from cali.stages import run_url  # noqa: PLC0415
    from include.alerts.environment import alert_settings  # noqa: PLC0415
    from include.alerts.event import gap_event  # noqa: PLC0415
    from include.alerts.grouping import group_events  # noqa: PLC0415
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415

    now = utc_now()
    increments = group_events([gap_event(gap, now)])
    PostgresAlertStore(database).apply(gap.gap_id, increments, now, run_url(context), alert_settings())


def _positive(name: str, value: int | str | None) -> int | None:
    if str(value) in NOTHING:
        return None
    # Not isdigit: that also lets characters such as "²" pass, which int() refuses.
    if not str(value).isdecimal() or int(str(value)) < 1:
        raise ConfigurationError(f"{name}={value!r} is not allowed: give a whole number from 1 on")
    return int(str(value))


def _instant(name: str, value: str | None) -> datetime | None:
    if str(value) in NOTHING:
        return None
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ConfigurationError(f"{name}={value!r} is not a time such as 2026-01-31T12:00:00+00:00") from error
    if instant.tzinfo is None:
        raise ConfigurationError(f"{name}={value!r} has no zone: write 2026-01-31T12:00:00+00:00")
    return instant
