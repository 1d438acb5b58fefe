"""What became of a stream: the ledger's counts, the proof from the journal, and how fast alerts were."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import quantiles

import psycopg
from psycopg.rows import dict_row

from include import streams
from include.adapters.object_store import ObjectStore
from include.proof.compare import VALID, Accepted, Identity, compare, holdings
from include.simulator.journal import JournalEntry
from include.sql import query


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from ``put_record`` to Slack's acceptance, over the messages that opened a group; None without any.

    A group that was held back is left out: a storm's or a silence's summary told of it, and its own message comes
    later, when it still goes on.
    """

    p50: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """Counts of records, batches, groups and messages; ``lost`` and ``duplicated`` come from the proof alone.

    ``table_lost`` and ``table_duplicated`` hold the journal against the stream's own table, by identity, where it has
    one: sound events that are not in it, and rows beyond an event's first. ``redriven`` counts the events that redrives
    made good; the other counts of records are those of the drained batches, which no redrive changes.
    """

    produced: int
    drained: int
    valid: int
    dead_lettered: int
    alertable: int
    filtered: int
    lost: int
    duplicated: int
    misjudged: int
    unjournaled: int
    unconserved: int
    batches: int
    published: int
    quarantined: int
    quality_runs: int
    alert_groups: int
    slack_messages: int
    malformed_produced: int
    alert_latency_s: Latency
    wrong: tuple[str, ...] = ()
    unpublished: int = 0
    quarantined_records: int = 0
    redriven: int = 0
    table_lost: int = 0
    table_duplicated: int = 0

    @property
    def ok(self) -> bool:
        """Return whether nothing was lost, doubled or misjudged, every batch adds up, and what there was reached Slack.

        A batch that still waits for a stage does not add up yet.
        """
        broken = self.lost or self.duplicated or self.misjudged or self.unconserved
        broken = broken or self.table_lost or self.table_duplicated
        adds_up = (
            self.drained == self.valid + self.dead_lettered
            and self.valid == self.alertable + self.filtered
            and self.batches == self.published + self.quarantined
            and self.unpublished == self.quarantined_records
        )
        told = self.slack_messages > 0 or not self.alertable
        return self.drained > 0 and not broken and adds_up and told

    def to_json(self) -> dict[str, object]:
        """Return the summary as JSON has it."""
        return asdict(self) | {"wrong": list(self.wrong)}


def summarize(
    connection: psycopg.Connection,
    store: ObjectStore,
    stream: str,
    journal: Iterable[JournalEntry],
    since: datetime,
) -> StreamSummary:
    """Sum up a stream over all its data; latencies only of messages since ``since``."""
    entries = {place: entry for entry in journal if (place := _place(entry))}
    proof = compare(_accepted(entries), holdings(store, stream))
    counts = ledger_counts(connection, stream)
    table_lost, table_duplicated = table_differences(connection, stream, entries.values())
    return StreamSummary(
        produced=proof.produced,
        lost=proof.lost,
        duplicated=proof.duplicated,
        misjudged=proof.misjudged,
        unjournaled=proof.unjournaled,
        unpublished=proof.unpublished,
        malformed_produced=sum(entry.kind != VALID for entry in entries.values()),
        alert_latency_s=latency(alert_delays(connection, stream, entries, since)),
        wrong=proof.examples,
        table_lost=table_lost,
        table_duplicated=table_duplicated,
        **{name: counts[name] for name in _LEDGER_COUNTS},
    )


_LEDGER_COUNTS = (
    "drained",
    "valid",
    "dead_lettered",
    "alertable",
    "filtered",
    "unconserved",
    "batches",
    "published",
    "quarantined",
    "quarantined_records",
    "redriven",
    "quality_runs",
    "alert_groups",
    "slack_messages",
)


def ledger_counts(connection: psycopg.Connection, stream: str) -> dict[str, int]:
    """Return the ledger's own counts of a stream, with ``open_stages`` and ``openings_waiting``."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("stream_summary"), {"stream": stream}).fetchone() or {}
    return {name: value for name, value in row.items() if isinstance(value, int)}


def table_differences(
    connection: psycopg.Connection, stream: str, entries: "Iterable[JournalEntry]"
) -> tuple[int, int]:
    """Return how many sound events the stream's own table lacks, and how many rows it has too many.

    An event that its producer sent twice is one event.
    """
    make = streams.get(stream).loader
    if make is None:
        return 0, 0
    rows = Counter(make(connection).loaded())
    sent = {entry.event_id for entry in entries if entry.kind == VALID}
    return len(sent - rows.keys()), rows.total() - len(rows)


def alert_delays(
    connection: psycopg.Connection,
    stream: str,
    entries: "Mapping[tuple[str, str], JournalEntry]",
    since: datetime,
) -> list[float]:
    """Return, for each message that opened a group, the seconds from its record's put to Slack's acceptance."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("opening_messages"), {"stream": stream, "since": since}).fetchall()
    places = [(row["shard_id"], row["sequence_number"]) for row in rows]
    return [
        row["sent_at"].timestamp() - entries[place].put_at
        for row, place in zip(rows, places, strict=True)
        if place in entries
    ]


def latency(delays: Sequence[float]) -> Latency:
    """Return median, 95th percentile (inclusive, interpolated) and maximum, in seconds with milliseconds."""
    if not delays:
        return Latency(None, None, None)
    if len(delays) == 1:
        return Latency(*(round(delays[0], 3) for _ in range(3)))
    cuts = quantiles(delays, n=100, method="inclusive")
    return Latency(round(cuts[49], 3), round(cuts[94], 3), round(max(delays), 3))


def _place(entry: JournalEntry) -> tuple[str, str] | None:
    if entry.shard_id is None or entry.sequence_number is None:
        return None
    return entry.shard_id, entry.sequence_number


def _accepted(entries: "Mapping[tuple[str, str], JournalEntry]") -> Iterable[Accepted]:
    return (Accepted(Identity(*place, 0), entry.sha256, entry.kind == VALID) for place, entry in entries.items())
