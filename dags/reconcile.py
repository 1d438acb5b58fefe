"""The reconcile DAG in Airflow: each night, yesterday's ledger, objects and stream are held against each other."""

from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

from cali import reconcile
from cali.pipelines import DEFAULT_ARGUMENTS

DOC = """
### reconcile

**What** Reads the ledger, the objects and, as far as it still holds them, the stream once more, and holds them against
each other: counts, SHA-256 and sequence ranges, that every raw record is valid or a dead letter exactly once, and that
S3 and the stream have the same records. The report is a table in the task's log, a row in `cali.reconciliations`, and a
JSON object under `quality/reconcile/`.

**When** Shortly after midnight UTC (`CALI_RECONCILE_SCHEDULE`), each stream, for what arrived the day before.

**By hand** Trigger it with *From* and *To* for another span, and with *Stream* for one stream. It changes no data.

**When it fails** A difference ends the task red at once, after the report was written and an alert was put into the
outbox; the error names the report, and `docs/reconcile.md` says what to do about each kind. A server that was away is
tried again.

**Who** The owners of the log platform; alerts go to the channel `cali-quality`.
"""

with DAG(
    dag_id="reconcile",
    description="Prove that ledger, objects and stream agree on what arrived",
    doc_md=DOC,
    schedule=reconcile.schedule(),
    # No start date: the first run waits for its hour, rather than making up for one before CALI was there.
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGUMENTS, "execution_timeout": timedelta(hours=6)},
    params=dict(reconcile.PARAMETERS),
    tags=["cali", "reconcile"],
):

    @task
    def choose() -> list[dict[str, str]]:
        """Choose the streams and the span: by the form, or every stream and the day before the run."""
        return reconcile.choose(get_current_context())

    @task(
        multiple_outputs=False,
        map_index_template="{{ chosen }}",
        doc_md="Hold one stream's ledger, objects and records against each other; red if they differ.",
    )
    def prove(choice: dict[str, str]) -> dict[str, object]:
        """Reconcile one stream, and name the mapped task by it."""
        context = get_current_context()
        context["chosen"] = choice["stream"]  # type: ignore[typeddict-unknown-key]
        return reconcile.prove(choice, context)

    prove.expand(choice=choose())
