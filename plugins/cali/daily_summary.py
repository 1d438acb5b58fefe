"""The daily summary's step in Airflow: which day, the Connections, and a claim check."""

from typing import TYPE_CHECKING, Annotated

from airflow.sdk import Param
from pydantic import BaseModel, ConfigDict, StringConstraints

from cali import connections
from cali.failures import failing_for_good
from cali.forms import filled
from include.records import utc_now
from include.reports.settings import summary_settings
from include.settings import stream_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.reports.values import SavedReport

DATE = r"^\d{4}-\d{2}-\d{2}$"
PARAMETERS = {
    "date": Param(
        None,
        type=["null", "string"],
        format="date",
        pattern=DATE,
        title="Date",
        description="Summarise this day of the service level's time zone. Empty: the day before the run was due.",
    )
}


class SummaryForm(BaseModel):
    """What a run was asked for."""

    model_config = ConfigDict(extra="forbid")

    date: Annotated[str, StringConstraints(pattern=DATE)] | None = None


def schedule() -> str:
    """Return the DAG's cron expression, in UTC."""
    return summary_settings().schedule


def summarise(context: "Context") -> dict[str, object]:
    """Summarise the day that the run is about; return where the report lies.

    Raises:
        AirflowFailException: the form or the time zone is wrong, or events of the day are not held any more.
        TransientError: the day is not complete yet, or S3 or Postgres was away.
    """
    with failing_for_good():
        saved = _summarise(context)
    return {
        "day": saved.day.isoformat(),
        "records": saved.records,
        "parquet_key": saved.parquet_key,
        "html_key": saved.html_key,
    }


def _summarise(context: "Context") -> "SavedReport":
    from include.alerts.store import PostgresAlertStore  # noqa: PLC0415
    from include.ledger.postgres import connected  # noqa: PLC0415
    from include.reports.store import PostgresReportStore  # noqa: PLC0415
    from include.reports.summarise import STREAM, Desk, chosen_day, summarise  # noqa: PLC0415
    from include.sla.postgres import PostgresRecorder  # noqa: PLC0415

    form = filled(SummaryForm, context["params"])
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        store = PostgresReportStore(database)
        desk = Desk(
            store=store,
            objects=connections.object_store(stream_settings(STREAM).bucket),
            recorder=PostgresRecorder(database),
            alerts=PostgresAlertStore(database),
            channel=summary_settings().channel,
            clock=utc_now,
        )
        return summarise(desk, chosen_day(store, form.date, context["dag_run"].run_after), context["run_id"])
