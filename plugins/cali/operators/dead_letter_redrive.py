"""``DeadLetterRedriveOperator``: judge dead letters again, and move what the present model takes into a new batch."""

import time
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetAlias, BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from cali import assets, connections
from cali.forms import filled
from cali.redrive import RedriveForm
from include import streams
from include.errors import CaliError
from include.records import utc_now
from include.settings import stream_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.redrive.redrive import RedriveReport
    from include.redrive.store import RedriveStore

MOST_IDS = 20
"""Batch ids that go through XCom; the ledger has them all."""
REDRIVEN = AssetAlias("redriven_batches", group="cali")
"""Stands for the raw batches of whichever stream was redriven."""


class DeadLetterRedriveOperator(BaseOperator):
    """Redrives the dead letters that the run's parameters select; a dry run, the default, only says what it would do.

    A source batch is moved whole or not at all, so the task can be stopped and tried again at any time. It is skipped
    when nothing that is open was selected. The raw batches' Asset is told when something was moved.

    Returns a claim check: the redrive's number, counts and batch ids, never records.

    Args:
        aws_conn_id: the Connection to AWS, for S3.
        postgres_conn_id: the Connection to CALI's database.
    """

    ui_color = "#e8d5f5"

    def __init__(
        self,
        *,
        aws_conn_id: str = connections.AWS,
        postgres_conn_id: str = connections.POSTGRES,
        **arguments: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**arguments, outlets=[REDRIVEN])
        self.aws_conn_id = aws_conn_id
        self.postgres_conn_id = postgres_conn_id
        self._stopped = False

    def on_kill(self) -> None:
        """Ask the redrive to end behind the source batch at hand; Airflow grants some seconds for it."""
        self._stopped = True

    def execute(self, context: "Context") -> dict[str, object]:
        """Redrive, and wake the stream's process DAG."""
        from include.ledger.postgres import connected  # noqa: PLC0415
        from include.redrive.postgres import PostgresRedriveStore  # noqa: PLC0415
        from include.redrive.store import State  # noqa: PLC0415

        form = filled(RedriveForm, context["params"])
        form.check()
        with connected(connections.postgres_uri(connections.connection(self.postgres_conn_id))) as database:
            store = PostgresRedriveStore(database)
            report = self._redrive(form, store, context["run_id"])
            still_open = store.open_reasons(form.stream)
        if report.state is State.CANCELLED:
            raise CaliError(f"Redrive {report.redrive_id} was stopped; what it moved stays moved, the rest is open")
        if not (report.tally.considered or report.tally.skipped):
            raise AirflowSkipException(
                f"No open dead letter was selected; open in {form.stream}: {still_open or 'none'}"
            )
        if report.tally.fixed and not form.dry_run:
            context["outlet_events"][REDRIVEN].add(assets.raw_batches(form.stream))
        return _claim_check(form, report)

    def _redrive(self, form: RedriveForm, store: "RedriveStore", run_id: str) -> "RedriveReport":
        from include.redrive.judge import Rules  # noqa: PLC0415
        from include.redrive.redrive import RedriveOrder, RedriveSite, redrive  # noqa: PLC0415
        from include.redrive.store import Selection  # noqa: PLC0415

        settings = stream_settings(form.stream)
        site = RedriveSite(
            rules=Rules(streams.get(form.stream), settings.payloads),
            objects=connections.object_store(settings.bucket, self.aws_conn_id),
            store=store,
            clock=utc_now,
            sleep=time.sleep,
            stopped=lambda: self._stopped,
        )
        selection = Selection(form.stream, form.reason, form.batch_id, form.arrived_from, form.arrived_before)
        order = RedriveOrder(run_id, selection, form.dry_run, form.records_per_second, settings.redrive_attempts)
        return redrive(site, order)


def _claim_check(form: RedriveForm, report: "RedriveReport") -> dict[str, object]:
    tally = report.tally
    return {
        "redrive_id": report.redrive_id,
        "dry_run": form.dry_run,
        "considered": tally.considered,
        "fixed": tally.fixed,
        "still_bad": tally.still_bad,
        "skipped": tally.skipped,
        "reasons": {reason: {"considered": many, "fixed": good} for reason, (many, good) in tally.reasons.items()},
        "batches": [batch.batch_id for batch in report.batches[:MOST_IDS]],
        "batch_count": len(report.batches),
    }
