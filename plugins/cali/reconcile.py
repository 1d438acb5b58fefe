"""The reconcile DAG's steps: which streams and span, the Connections, and a claim check."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from cali import connections
from cali.failures import failing_for_good
from cali.forms import ALL, chosen_streams, filled, instant_param, streams_param
from include.proof.reconciliation.settings import reconcile_schedule
from include.records import utc_now
from include.settings import stream_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.proof.reconciliation.store import Reconciliation
    from include.proof.reconciliation.values import Span

DAY = timedelta(days=1)
PARAMETERS = {
    "stream": streams_param(),
    "from": instant_param("From", "Reconcile what arrived from this time on. Empty: yesterday, in UTC."),
    "to": instant_param("To", "Reconcile what arrived before this time. Goes with a from."),
}


class ReconcileForm(BaseModel):
    """What a run was asked for; nothing means yesterday in every stream."""

    model_config = ConfigDict(extra="forbid")

    stream: str = ALL
    start: AwareDatetime | None = Field(None, alias="from")
    end: AwareDatetime | None = Field(None, alias="to")

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("'from' and 'to' go together")
        if self.start and self.end and self.end <= self.start:
            raise ValueError("'to' must be later than 'from'")
        return self


def schedule() -> str:
    """Return the DAG's cron expression, in UTC."""
    return reconcile_schedule()


def choose(context: "Context") -> list[dict[str, str]]:
    """Return a stream and a span (ISO 8601, UTC) for each stream that the run is about.

    Yesterday is the day before the run was due, not before it came to run: a run that was late, tried again or
    cleared means the same day.

    Raises:
        ConfigurationError: the form has a value that is not allowed.
    """
    form = filled(ReconcileForm, context["params"])
    names = chosen_streams(form.stream)
    midnight = context["dag_run"].run_after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = (form.start, form.end) if form.start and form.end else (midnight - DAY, midnight)
    return [{"stream": name, "from": _utc(start), "to": _utc(end)} for name in names]


def prove(choice: Mapping[str, str], context: "Context") -> dict[str, object]:
    """Reconcile one stream.

    Raises:
        AirflowFailException: something differs, or is set up wrongly: another try would change nothing.
        TransientError: Kinesis, S3 or Postgres was away.
    """
    from include.proof.reconciliation.values import Span  # noqa: PLC0415

    span = Span(datetime.fromisoformat(choice["from"]), datetime.fromisoformat(choice["to"]))
    with failing_for_good():
        return _claim_check(_reconcile(choice["stream"], span, context))


def _reconcile(stream: str, span: "Span", context: "Context") -> "Reconciliation":
    from cali.stages import run_url  # noqa: PLC0415
    from include.alerts.environment import alert_settings  # noqa: PLC0415
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.drain.read_shard import ShardSource  # noqa: PLC0415
    from include.ledger.postgres import PostgresLedger, connected  # noqa: PLC0415
    from include.process.audit_stage import QualityDesk  # noqa: PLC0415
    from include.proof.reconciliation.examine import Archive  # noqa: PLC0415
    from include.proof.reconciliation.reconcile import reconcile  # noqa: PLC0415
    from include.proof.reconciliation.store import PostgresReconciliationStore  # noqa: PLC0415

    settings = stream_settings(stream)
    source = ShardSource(stream, settings.kinesis_stream, connections.stream_reader(), utc_now, time.sleep)
    objects = connections.object_store(settings.bucket)
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        archive = Archive(source, objects, PostgresLedger(database), PostgresReconciliationStore(database))
        desk = QualityDesk(PostgresAlertStore(database), alert_settings(), run_url(context))
        return reconcile(archive, span, desk, context["run_id"])


def _claim_check(result: "Reconciliation") -> dict[str, object]:
    return {
        "state": result.state,
        "batches": result.batches,
        "records": result.records,
        "objects": result.objects,
        "stream_records": result.stream_records,
        "report_key": result.report_key,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
