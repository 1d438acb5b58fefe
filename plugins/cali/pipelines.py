"""How every stream's DAGs are built: a stream's DAG file names the stream and says what it is for."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from airflow.sdk import DAG, Param, TriggerRule, task
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cali import assets
from cali.deadlines import deadline
from cali.failures import note_failure
from cali.forms import filled, instant_param
from cali.operators.kinesis_drain import KinesisDrainOperator
from cali.stream_page import StreamPage
from include.settings import running_streams, stream_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

__all__ = ["StreamPage", "drain_dag", "process_dag"]

START = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULT_ARGUMENTS: "Mapping[str, Any]" = {
    "owner": "cali",
    # Three more tries within some 20 s: a short outage passes unseen, a long one fails the run with its reason, and
    # the next run takes up the work.
    "retries": 3,
    "retry_delay": timedelta(seconds=2),
    # A factor: True would be 1, a delay that never grows.
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(seconds=30),
    "execution_timeout": timedelta(minutes=10),
    # What people are told when a service level is missed names the task that failed.
    "on_failure_callback": note_failure,
    "on_retry_callback": note_failure,
}

DRAIN_PARAMETERS = {
    "max_records": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=1_000_000,
        title="Records per shard",
        description="Drain at most so many records of each shard in this run; empty means the setting's bound.",
    ),
    "from_timestamp": instant_param(
        "Begin at", "Where a stream that was never drained begins. A stream with checkpoints goes on at them."
    ),
}


class DrainForm(BaseModel):
    """What a drain run may be asked for; another key is a misspelt one."""

    model_config = ConfigDict(extra="forbid")

    max_records: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    from_timestamp: AwareDatetime | None = None


def form_dag(
    dag_id: str,
    description: str,
    doc_md: str,
    params: "Mapping[str, Any]",
    area: str,
    limit: timedelta = timedelta(minutes=5),
) -> DAG:
    """Return a DAG that somebody starts by its form, one run after the other; ``area`` is its tag.

    ``limit`` is how long a try of a task may take.
    """
    return DAG(
        dag_id=dag_id,
        description=description,
        doc_md=doc_md,
        schedule=None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args={**DEFAULT_ARGUMENTS, "execution_timeout": limit},
        params=dict(params),
        tags=["cali", area],
    )


def _check_form(context: "Context") -> None:
    filled(DrainForm, context["params"])


def drain_dag(stream: str, page: StreamPage) -> DAG:
    """Return ``<stream>_drain``: Kinesis into raw micro-batches, one active run.

    Of a stream that ``CALI_STREAMS`` does not name it runs by hand alone.
    """
    settings = stream_settings(stream)
    with DAG(
        dag_id=f"{stream}_drain",
        description=f"Drain the {stream} stream from Kinesis into raw micro-batches on S3",
        doc_md=page.drain(stream),
        schedule=settings.profile().schedule if stream in running_streams() else None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=dict(DEFAULT_ARGUMENTS),
        # A run that waits for records does not hang.
        deadline=deadline(settings.idle_s + settings.deadline_s),
        params=dict(DRAIN_PARAMETERS),
        render_template_as_native_obj=True,
        tags=["cali", stream, "drain"],
    ) as dag:
        _drain_task(stream)
    return dag


def _drain_task(stream: str) -> None:
    """Add the drain to the present DAG: one task, or one mapped over the stream's lanes."""
    arguments: dict[str, Any] = {
        "task_id": "drain",
        "stream": stream,
        "max_records": "{{ params.max_records }}",
        "from_timestamp": "{{ params.from_timestamp }}",
        "express": True,
        # Not in the operator: in somebody else's DAG there may be parameters that are none of its business.
        "pre_execute": _check_form,
        "outlets": [assets.raw_batches(stream)],
        "doc_md": "Reads each shard behind its checkpoint; waits without a worker slot while there is nothing.",
    }
    lanes = stream_settings(stream).lanes
    if lanes == 1:
        KinesisDrainOperator(**arguments)
    else:
        # The lanes that are done wait for the last one: a lane in trouble leaves its work to the next run soon.
        KinesisDrainOperator.partial(
            **arguments, lanes=lanes, retries=1, map_index_template="lane {{ task.lane }}"
        ).expand(lane=list(range(lanes)))


def process_dag(stream: str, page: StreamPage) -> DAG:
    """Return ``<stream>_process``: audit what a drain has validated; then validate, alert on and audit what it left."""
    with DAG(
        dag_id=f"{stream}_process",
        description=f"Validate, alert on, audit and publish the {stream} stream's micro-batches",
        doc_md=page.process(stream),
        schedule=[assets.raw_batches(stream)],
        start_date=START,
        catchup=False,
        # What is drained meanwhile waits for the next run and is audited by that at once: on a busy stream a run for
        # each drain would take the CPU that alerts need, and tell nothing sooner. A second one, because an alert step
        # may wait for Slack's pace.
        max_active_runs=2,
        default_args=dict(DEFAULT_ARGUMENTS),
        deadline=deadline(stream_settings(stream).deadline_s),
        tags=["cali", stream, "process"],
    ) as dag:
        # A dict of counts is one XCom, not one more, and one more call of the API, for each of its keys.
        counted = partial(task, multiple_outputs=False)

        @counted(
            outlets=[assets.clean_batches(stream)],
            # The tasks behind it try again, with whatever this one left.
            retries=0,
            doc_md="The suite on what the drain has validated and alerted on already; the rest is skipped then.",
        )
        def audit_drained() -> dict[str, object]:
            from cali import stages  # noqa: PLC0415

            return stages.audit_drained(stream)

        @counted(
            # An incident is not silenced by trouble with a batch's quality.
            trigger_rule=TriggerRule.ALL_DONE,
            doc_md="Every record against its model: good ones to `staged/`, bad ones to `dlq/` with the reason.",
        )
        def validate() -> dict[str, object]:
            from cali import stages  # noqa: PLC0415

            return stages.validate(stream)

        @counted(doc_md="Filter, fingerprint, group; what must reach Slack goes through the outbox.")
        def alert() -> dict[str, object]:
            from cali import stages  # noqa: PLC0415

            return stages.alert(stream)

        @counted(
            outlets=[assets.clean_batches(stream)],
            doc_md="The Great Expectations suite on the staged batch: a pass publishes to `clean/`, a failure "
            "quarantines the batch and tells people.",
        )
        def audit() -> dict[str, object]:
            from cali import stages  # noqa: PLC0415

            return stages.audit(stream)

        audit_drained() >> validate() >> [alert(), audit()]
    return dag
