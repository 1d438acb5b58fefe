"""The replay DAG's step: what its form asks for, the Connections, and a claim check."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from airflow.sdk import Param, get_current_context
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictInt

from cali import assets, connections
from cali.forms import filled, instant_param, stream_param
from include import streams
from include.records import utc_now
from include.settings import stream_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.replay.book import Replay

SHARD = r"^[a-zA-Z0-9_.-]{1,128}$"
SEQUENCE_NUMBER = r"^[0-9]{1,128}$"
MOST_RECORDS = 1_000_000
PARAMETERS = {
    "stream": stream_param(),
    "from_timestamp": instant_param(
        "From", "Begin with the first record that arrived then or later. Either this, or a sequence number."
    ),
    "shard": Param(
        None,
        type=["null", "string"],
        pattern=SHARD,
        title="Shard",
        description="Only this shard and what it was split or merged into. Empty: all shards.",
    ),
    "from_sequence_number": Param(
        None,
        type=["null", "string"],
        pattern=SEQUENCE_NUMBER,
        title="From sequence number",
        description="Begin with this record of the shard. Needs the shard, and no time to begin with.",
    ),
    "until": instant_param(
        "Until", "End before the first record that arrived then or later. Empty: where the live drain is now."
    ),
    "alerts": Param(
        default=False,
        type="boolean",
        title="Alerts",
        description="Let the replayed records alert again: they are counted into their groups once more, and say so.",
    ),
    "max_records": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=MOST_RECORDS,
        title="Records per batch",
        description="Records of each batch, at most; empty means the setting's bound.",
    ),
}


class ReplayForm(BaseModel):
    """What a run was asked for; whether it makes sense together is for ``include.replay.plan``."""

    model_config = ConfigDict(extra="forbid")

    stream: str
    from_timestamp: AwareDatetime | None = None
    shard: Annotated[str, Field(pattern=SHARD)] | None = None
    from_sequence_number: Annotated[str, Field(pattern=SEQUENCE_NUMBER)] | None = None
    until: AwareDatetime | None = None
    alerts: StrictBool = False
    max_records: Annotated[StrictInt, Field(ge=1, le=MOST_RECORDS)] | None = None


def drain_again() -> dict[str, object]:
    """Replay what the present run's form asks for; ring the stream's raw Asset when there is a batch."""
    context = get_current_context()
    stream, replayed = run(context["params"], context["run_id"])
    if replayed.batches:
        ring(context, stream, replayed.generation)
    return claim_check(replayed)


def run(params: Mapping[str, Any], run_id: str) -> "tuple[str, Replay]":
    """Replay what a form asks for, or go on with what the run has begun.

    Raises:
        ConfigurationError: the form has a value that is not allowed, or asks for a range that makes no sense.
        TransientError: a server was away; the next try of the run goes on.
    """
    from include.drain.read_shard import ShardSource  # noqa: PLC0415
    from include.ledger.postgres import PostgresLedger, connected  # noqa: PLC0415
    from include.replay.book import ReplayRequest  # noqa: PLC0415
    from include.replay.book_postgres import PostgresReplayBook  # noqa: PLC0415
    from include.replay.plan import check  # noqa: PLC0415
    from include.replay.replay import replay  # noqa: PLC0415

    form = filled(ReplayForm, params)
    stream = streams.get(form.stream).name
    request = ReplayRequest(
        run_id, form.from_timestamp, form.shard, form.from_sequence_number, form.until, alerts=form.alerts
    )
    check(request, utc_now())
    settings = stream_settings(stream)
    store = connections.object_store(settings.bucket)
    source = ShardSource(stream, settings.kinesis_stream, connections.stream_reader(), utc_now, time.sleep)
    with connected(connections.postgres_uri(connections.connection(connections.POSTGRES))) as database:
        ledger, book = PostgresLedger(database), PostgresReplayBook(database)
        hints = settings.hints(form.max_records)
        return stream, replay(source, store, ledger, book, request, hints, settings.payloads)


def ring(context: "Context", stream: str, generation: int) -> None:
    """Let the stream's process DAG begin, by the Asset that its drain rings too."""
    context["outlet_events"][assets.REPLAYED].add(assets.raw_batches(stream), extra={"generation": generation})


def claim_check(replayed: "Replay") -> dict[str, object]:
    """Return the replay's number and counts, and the span of what the stream no longer held."""
    check: dict[str, object] = {
        "generation": replayed.generation,
        "batches": replayed.batches,
        "records": replayed.records,
        "alerts": replayed.request.alerts,
    }
    if short := replayed.shortfall:
        check["missing"] = {
            "from": short.from_at.isoformat() if short.from_at else None,
            "until": short.until.isoformat(),
            "records_at_most": short.records,
        }
    return check
