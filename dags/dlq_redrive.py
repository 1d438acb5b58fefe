"""The redrive DAG in Airflow: dead letters are judged by the present model, the good ones become a batch."""

from datetime import timedelta

from cali.operators.dead_letter_redrive import DeadLetterRedriveOperator
from cali.pipelines import form_dag
from cali.redrive import REDRIVE_PARAMETERS

DOC = """
### dlq_redrive

**What** Judges dead letters again by the present model. For each source batch, the good ones become one new batch
under `raw/`, with their own bytes, sequence numbers and arrival times; the stream's process DAG works it off like any
other, alerts included. No dead letter is moved twice. `cali.dead_letter_trace` says what became of each.

**When** By hand, once the cause is mended and the new model is deployed. *Dry run* is the default: it says how many
would be good, by reason, and what is wrong with the others (task log, XCom, `cali.redrives.report`). Then trigger it
again with the dry run switched off.

**By hand** Mark the task as failed to stop it: batches that were moved stay moved, the rest stays open, the next run
goes on. A group that three redrives in a row fixed nothing of is skipped and said.

**When it fails** The message names the server that did not answer, or the field that is wrong. Nothing is half moved;
the retry goes on behind the last source batch that was done. *Skipped* means that nothing open was selected.

**Who** The owners of the log platform.
"""

# A bounded pace takes its time: an hour moves 1.8 million records at the default of 500 a second.
with form_dag(
    "dlq_redrive",
    "Judge dead letters again and move what the present model takes into a new batch",
    DOC,
    REDRIVE_PARAMETERS,
    "dead letters",
    timedelta(hours=6),
):
    DeadLetterRedriveOperator(
        task_id="redrive",
        doc_md="Source batch by source batch: validates the dead letters again and moves the good ones, each once.",
    )
