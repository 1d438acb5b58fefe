"""Read again what a span of arrival times left behind, shard by shard and batch by batch, and add up what differs."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice, zip_longest

import pyarrow as pa

from include.adapters.object_store import AbsentError, ObjectStore
from include.drain.raw_batch import DECODE_ERROR, RAW_FIELDS
from include.drain.read_shard import ShardSource
from include.keys import HOUR, Room, object_key, partition_hour
from include.ledger.ledger import Ledger
from include.parquet import from_parquet
from include.proof.reconciliation.batch import LINEAGE, check_batch, overlaps
from include.proof.reconciliation.report import Findings
from include.proof.reconciliation.shard import ShardRecords
from include.proof.reconciliation.store import ReconciliationStore
from include.proof.reconciliation.stream_check import StreamCheck
from include.proof.reconciliation.values import Kind, LedgerBatch, Reading, Span
from include.records import Checkpoint
from include.streams.fields import LINEAGE_FIELDS
from include.validation.validate import DEAD_FIELDS

log = logging.getLogger(__name__)

SAY_EVERY = timedelta(seconds=10)
KEYS_AT_ONCE = 1000
DAMAGE = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What reading a damaged file raises: a length or a name in it may be anything."""
_LINEAGE = [field for field in LINEAGE_FIELDS if field.name in LINEAGE]
COLUMNS = {
    Room.RAW: [field for field in RAW_FIELDS if field.name != DECODE_ERROR],
    Room.STAGED: _LINEAGE,
    Room.CLEAN: _LINEAGE,
    Room.DLQ: [*_LINEAGE, *(field for field in DEAD_FIELDS if field.name == "data")],
}


@dataclass(frozen=True, slots=True)
class Archive:
    """Where a stream's records are, in three copies: the ledger, the bucket, and the stream itself."""

    source: ShardSource
    objects: ObjectStore
    ledger: Ledger
    store: ReconciliationStore

    @property
    def stream(self) -> str:
        """The stream's name in CALI."""
        return self.source.stream


@dataclass(slots=True)
class _Progress:
    total: int
    archive: Archive
    findings: Findings
    said_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.said_at = self.archive.source.clock()

    def step(self) -> None:
        now = self.archive.source.clock()
        if now - self.said_at >= SAY_EVERY:
            done, self.said_at = self.findings.batches + self.findings.redriven, now
            log.info(
                "reconciling stream=%s batches=%d of=%d differences=%d",
                self.archive.stream,
                done,
                self.total,
                self.findings.differences,
            )


def examine(archive: Archive, span: Span) -> Findings:
    """Hold ledger, objects and stream of a span against each other.

    At most one batch's objects and one page of the stream are held at a time.

    Raises:
        TransientError: Kinesis, S3 or Postgres was away.
        ConfigurationError: the stream or the bucket does not exist, or may not be read.
    """
    findings = Findings()
    source = archive.source
    # The checkpoints before the batches: a batch that is drained meanwhile is then never taken for a lost one.
    checkpoints = archive.ledger.checkpoints(source.stream)
    batches = archive.store.shards(source.stream, span)
    # A stream that was never drained need not be there.
    known = checkpoints or batches
    held = {shard.shard_id for shard in source.reader.shards(source.kinesis_stream)} if known else set()
    progress = _Progress(sum(batches.values()), archive, findings)
    for shard_id in sorted(batches.keys() | checkpoints.keys()):
        _shard(archive, span, findings, progress, shard_id, checkpoints.get(shard_id), in_stream=shard_id in held)
    for key in _orphans(archive, span):
        findings.orphans.add(key)
    for gap in archive.ledger.gaps(source.stream):
        if gap.to_at > span.start and (gap.from_at is None or gap.from_at < span.end):
            findings.gaps.add(f"{gap.shard_id}, {gap.reason}, from {gap.from_at} to {gap.to_at}")
    return findings


def _shard(
    archive: Archive,
    span: Span,
    findings: Findings,
    progress: _Progress,
    shard_id: str,
    checkpoint: Checkpoint | None,
    *,
    in_stream: bool,
) -> None:
    rows = archive.store.batches(archive.stream, shard_id, span)
    drained = sorted((batch for batch in rows if batch.origin_batch_id is None), key=lambda batch: batch.first)
    findings.add(overlaps(drained))
    check = None
    if in_stream:
        records = ShardRecords(archive.source, _beginning(shard_id, drained, span, checkpoint))
        check = StreamCheck(shard_id, records, span, findings)
    for batch, following in zip_longest(drained, drained[1:]):
        if batch.first_arrived_at in span:
            readings = _checked(archive, findings, batch)
            findings.batches += 1
            findings.records += batch.records
            findings.bytes += batch.bytes
            _compare(check, findings, batch, readings[Room.RAW], following)
        elif check is not None:
            check.pass_over(batch, whole=following is not None)
        progress.step()
    if check is not None and not (drained and drained[-1].first_arrived_at >= span.end):
        check.finish(checkpoint)
    for batch in rows:
        if batch.origin_batch_id is not None:
            _checked(archive, findings, batch)
            findings.redriven += 1
            progress.step()


def _beginning(shard_id: str, drained: Sequence[LedgerBatch], span: Span, checkpoint: Checkpoint | None) -> Checkpoint:
    """Return the position behind the last batch before the span, or where the shard was first read from."""
    if drained and drained[0].first_arrived_at < span.start:
        return Checkpoint(shard_id, sequence_number=drained[0].last_sequence_number)
    return Checkpoint(shard_id, start_at=checkpoint.start_at if checkpoint else None)


def _compare(
    check: StreamCheck | None, findings: Findings, batch: LedgerBatch, raw: Reading, following: LedgerBatch | None
) -> None:
    if check is None:
        findings.unprovable.add(batch.records, batch.first_arrived_at, batch.last_arrived_at)
    elif raw.removed_at is not None:
        check.pass_over(batch)
    else:
        check.compare(batch, raw.events, following.first[0] if following else None)


def _checked(archive: Archive, findings: Findings, batch: LedgerBatch) -> dict[Room, Reading]:
    readings = {room: read(archive, room, key) for room, key in batch.keys.items()}
    findings.add(check_batch(batch, readings))
    findings.objects += sum(reading.table is not None for reading in readings.values())
    for reading in readings.values():
        if reading.removed_at is not None:
            findings.not_held.add(f"{reading.key}, removed {reading.removed_at.isoformat()}")
    if not batch.finished:
        findings.unfinished.add(batch.batch_id)
    return readings


def read(archive: Archive, room: Room, key: str) -> Reading:
    """Read an object whole: every page's checksum is verified, where it was written with one."""
    try:
        data = archive.objects.get(key)
    except AbsentError:
        # Asked after the object was missed: housekeeping writes down what it removes before it does.
        removed_at = archive.store.removed([key]).get(key)
        missing = None if removed_at else Kind.MISSING
        return Reading(key, problem=missing, detail="is not there", removed_at=removed_at)
    try:
        table = from_parquet(data)
        table.validate(full=True)
    except DAMAGE as error:
        return Reading(key, problem=Kind.UNREADABLE, detail=f"cannot be read: {error}")
    types = {field.name: field.type for field in table.schema}
    lacking = [field.name for field in COLUMNS[room] if types.get(field.name) != field.type]
    if lacking:
        return Reading(key, problem=Kind.UNREADABLE, detail=f"has no column {', '.join(lacking)} of the right type")
    return Reading(key, table, sha256(data).hexdigest())


def _orphans(archive: Archive, span: Span) -> Iterator[str]:
    """Yield the keys of the span's hours in ``raw/`` that the ledger does not name."""
    for hour in _hours(span):
        keys = iter(archive.objects.keys(object_key(Room.RAW, archive.stream, hour, "")))
        while some := list(islice(keys, KEYS_AT_ONCE)):
            named = archive.store.named(some)
            yield from (key for key in some if key not in named)


def _hours(span: Span) -> Iterator[datetime]:
    hour = partition_hour(span.start)
    while hour < span.end:
        yield hour
        hour += HOUR
