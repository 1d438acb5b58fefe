"""What the pages of a stream's DAGs say: the same for every stream, but for what the stream itself is."""

from dataclasses import dataclass

_DRAIN = """
### {stream}_drain

**What** Reads the `{stream}` stream ({records}) from Kinesis behind its checkpoints and writes one Parquet object for
each shard and batch under `raw/`. The ledger row and the checkpoint are one Postgres transaction, so a record is in
exactly one batch. Its process goes straight on to validate and alert what it has drained, so that Slack knows within
two seconds.

**When** One run after the other (`CALI_{STREAM}_PACE`), where `CALI_STREAMS` names the stream. While the stream is
empty the run waits in the triggerer, without a worker slot; after two minutes it ends as *skipped* and the next one
waits on.

**By hand** Trigger it with *Records per shard* to take a smaller bite. *Begin at* counts only for a stream that was
never drained.

**When it fails** The message names the server that did not answer. Nothing is lost: the next run reads from the same
checkpoint. Pausing loses nothing as long as Kinesis keeps the records (24 hours unless you set more); what it forgot
before it was drained is told in Slack and stands in `cali.stream_gaps`.

**Who** {who}
"""

_PROCESS = """
### {stream}_process

**What** `validate` holds every record against the stream's model: good ones go to `staged/`, bad ones to `dlq/` with
the reason. Then side by side: `alert` {alert}; `audit` runs the Great Expectations suite and publishes the batch to
`clean/`, or quarantines it. As a rule the drain has validated and alerted by then: `validate` finds nothing to do and
`alert` is skipped. They work off what it left: failures, replays, redrives.

**When** Whenever `{stream}_drain` has drained something. Each task takes its batches from the ledger, so a run that was
lost or doubled changes nothing; triggering it by hand is safe at any time and works off whatever waits.

**When it fails** The batch is given back and taken up again, by this run's retries or by a later run. `select * from
cali.batch_stages where state <> 'done'` shows what waits and why.

**Who** {who}
"""


@dataclass(frozen=True, slots=True)
class StreamPage:
    """What a stream is: what its records are, what its alert step does with them (a verb first), and whom to ask."""

    records: str = "records"
    alert: str = "finds what people must know of, groups it and tells Slack"
    who: str = "Nobody yet."

    def drain(self, stream: str) -> str:
        """Return the page of ``<stream>_drain``."""
        return _DRAIN.format(stream=stream, STREAM=stream.upper(), records=self.records, who=self.who)

    def process(self, stream: str) -> str:
        """Return the page of ``<stream>_process``."""
        return _PROCESS.format(stream=stream, alert=self.alert, who=self.who)
