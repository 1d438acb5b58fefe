"""The compaction DAG in Airflow: each hour, one object for every closed hour."""

from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

from cali import compaction
from cali.pipelines import DEFAULT_ARGUMENTS

DOC = """
### compaction

**What** Writes one object under `compacted/` for every closed hour of `clean/`: all of the hour's published batches, in
the order of their sequence numbers. `clean/` stays as it is; read one or the other. An hour that a late batch came to
is written again, by a single put, so a reader sees it before or after and never between.

**When** Each hour at 17 past, for the hours whose end lies at least 15 minutes back (`CALI_COMPACTION_SETTLE_S`).

**By hand** Trigger it with *From hour* and *To hour* to write closed hours again, whether they were compacted or not.

**When it fails** The message names the hour's object and what was wrong; the other hours are done, and the next run
tries this one again. `select * from cali.clean_objects` names what to read meanwhile.

**Who** The owners of the log platform.
"""

with DAG(
    dag_id="compaction",
    description="Compact closed hours of clean/ into one object each",
    doc_md=DOC,
    schedule="17 * * * *",
    # No start date: the first run waits for its hour, rather than making up for one before CALI was there.
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGUMENTS, "execution_timeout": timedelta(minutes=45)},
    params=dict(compaction.PARAMETERS),
    tags=["cali", "compaction"],
):

    @task(multiple_outputs=False)
    def compact() -> dict[str, dict[str, int]]:
        """Compact every closed hour that has a batch which no object holds."""
        return compaction.compact(get_current_context()["params"])

    compact()
