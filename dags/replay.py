"""The replay DAG in Airflow: by hand, drain a range of a stream again, beside the live drain."""

from datetime import timedelta

from airflow.sdk import task

from cali import assets, replay
from cali.pipelines import form_dag

DOC = """
### replay

**What** Reads a range of a stream again into a new *generation* of batches, which `<stream>_process` then validates,
audits and publishes like any other. The live checkpoints do not move, and everything of the replay lies apart, under
`replay/generation=<n>/`: who reads `clean/` sees no record twice. Nobody is alerted again unless you ask for it.

**When** By hand. Fill in *From*, or *Shard* and *From sequence number*. Without *Until* it ends where the live drain is
now. The task's result names the generation; `select * from cali.replays` lists them all.

**When it fails** The message names the server that was away or the value that is wrong. Clear the task: the same run
goes on in the same generation. A WARNING in the log, and `missing` in the result, say which part of the range is no
longer in the stream. How to read and remove a generation: `docs/replay.md`.

**Who** The owners of the log platform.
"""

# Replays read beside the live drain; one at a time leaves it its share.
with form_dag(
    "replay",
    "Drain a range of a stream again into a generation of its own",
    DOC,
    replay.PARAMETERS,
    "replay",
    timedelta(hours=6),
):

    @task(multiple_outputs=False, outlets=[assets.REPLAYED])
    def drain_again() -> dict[str, object]:
        """Drain the range, a batch a transaction, and wake the stream's process DAG."""
        return replay.drain_again()

    drain_again()
