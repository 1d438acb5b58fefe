"""The log stream's DAGs in Airflow: `logs_drain` reads Kinesis, `logs_process` makes of each batch what it is for."""

from cali.pipelines import drain_dag, process_dag

DRAIN = """
### logs_drain

**What** Reads the `logs` stream from Kinesis behind its checkpoints and writes one Parquet object for each shard and
batch under `raw/`. The ledger row and the checkpoint are one Postgres transaction, so a record is in exactly one batch.
Its process goes straight on to validate and alert what it has drained, so that Slack knows within two seconds.

**When** One run after the other (`CALI_LOGS_PACE`). While the stream is empty the run waits in the triggerer, without a
worker slot; after two minutes it ends as *skipped* and the next one waits on.

**By hand** Trigger it with *Records per shard* to take a smaller bite. *Begin at* counts only for a stream that was
never drained.

**When it fails** The message names the server that did not answer. Nothing is lost: the next run reads from the same
checkpoint. Pausing loses nothing as long as Kinesis keeps the records (24 hours unless you set more); what it forgot
before it was drained is told in Slack and stands in `cali.stream_gaps`.

**Who** The owners of the log platform; alerts go to the channel `cali-alerts`.
"""

PROCESS = """
### logs_process

**What** As a rule the drain has validated and alerted on a batch by the express way: `audit_drained` runs the Great
Expectations suite on it and publishes it to `clean/`, or quarantines it, and the rest is skipped. What the drain left
(failures, replays, redrives) goes through `validate`: good records to `staged/`, bad ones to `dlq/` with the reason.
Then side by side: `alert` finds ERROR and WARN records, groups them and tells Slack; `audit` judges and publishes.

**When** Whenever `logs_drain` has drained something. Each task takes its batches from the ledger, so a run that was
lost or doubled changes nothing; triggering it by hand is safe at any time and works off whatever waits.

**When it fails** The batch is given back and taken up again, by this run's retries or by a later run. `select * from
cali.batch_stages where state <> 'done'` shows what waits and why.

**Who** The owners of the log platform; quality alerts go to the channel `cali-quality`.
"""

logs_drain = drain_dag("logs", DRAIN)
logs_process = process_dag("logs", PROCESS)
