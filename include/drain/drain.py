"""One run of the drain: every readable shard once, and again for the children of shards that ended."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from include.adapters.object_store import ObjectStore
from include.drain.buffer import BufferHints, linger_until
from include.drain.payloads.mode import Payloads
from include.drain.raw_batch import raw_batch
from include.drain.read_shard import ShardRead, ShardSource, read_shard
from include.drain.shard_plan import readable
from include.errors import CaliError
from include.ledger.ledger import Advance, Ledger
from include.records import Checkpoint, MicroBatch

log = logging.getLogger(__name__)
SHARDS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class DrainRequest:
    """What a run is asked for.

    ``start_at`` is where a stream that was never drained begins (None: its oldest); ``payloads`` says whether records
    are opened.
    """

    run_id: str
    hints: BufferHints
    start_at: datetime | None = None
    payloads: Payloads = Payloads.AUTO


@dataclass(slots=True)
class DrainReport:
    """What a run did: the batches it committed, the shards it closed, and how many seconds each shard is behind."""

    batches: list[MicroBatch] = field(default_factory=list)
    closed_shards: list[str] = field(default_factory=list)
    behind: dict[str, float] = field(default_factory=dict)

    @property
    def behind_s(self) -> float:
        """How far the slowest shard is behind, in seconds."""
        return max(self.behind.values(), default=0.0)

    def records_behind(self, shard_id: str) -> int:
        """Estimate how many records a shard is behind: Kinesis tells seconds, the batch how many come in one."""
        behind_s = self.behind.get(shard_id, 0.0)
        batches = [batch for batch in self.batches if batch.shard_id == shard_id]
        if not behind_s or not batches:
            return 0
        batch = batches[-1]
        span_s = max(1.0, (batch.last_arrived_at - batch.first_arrived_at).total_seconds())
        return round(batch.records / span_s * behind_s)

    @property
    def records(self) -> int:
        """How many records the run drained."""
        return sum(batch.records for batch in self.batches)


def drain(source: ShardSource, store: ObjectStore, ledger: Ledger, request: DrainRequest) -> DrainReport:
    """Drain the stream's shards into raw objects and commit each shard's batch with its checkpoint.

    Parents come before their children: when a shard ends, the run goes on with what became readable by that.

    Raises:
        FencedError: another run drained the same shard; this one committed nothing for it.
        TransientError: Kinesis, S3 or Postgres was away; what was committed before stays.
        ConfigurationError: the stream or the bucket does not exist.
    """
    stream = source.stream
    ledger.register(stream, source.reader.shards(source.kinesis_stream), request.start_at, source.clock())
    until = linger_until(ledger.last_drained_at(stream), source.clock(), request.hints.linger)
    report = DrainReport()
    visited: set[str] = set()
    errors: list[CaliError] = []
    while plan := [
        checkpoint for checkpoint in readable(ledger.checkpoints(stream)) if checkpoint.shard_id not in visited
    ]:
        visited.update(checkpoint.shard_id for checkpoint in plan)
        for outcome in _stored(source, store, plan, request, until, ledger.generation):
            # One shard's trouble must not hold the others back; it is raised once they are safe.
            try:
                read, batch = outcome.result()
                _commit(source, ledger, request, read, batch, report)
            except CaliError as error:
                log.warning("shard left where it was stream=%s error=%s", stream, error)
                errors.append(error)
        # A shard that ended has children that the first look may not have seen yet.
        if report.closed_shards:
            ledger.register(stream, source.reader.shards(source.kinesis_stream), None, source.clock())
    if errors:
        raise errors[0]
    return report


def _stored(
    source: ShardSource,
    store: ObjectStore,
    plan: Sequence[Checkpoint],
    request: DrainRequest,
    until: datetime,
    generation: int,
) -> list[Future[tuple[ShardRead, MicroBatch | None]]]:
    """Read the shards at the same time and store each one's object."""

    def one(checkpoint: Checkpoint) -> tuple[ShardRead, MicroBatch | None]:
        read = read_shard(source, checkpoint, request.hints, until)
        if not read.records:
            return read, None
        batch, data = raw_batch(source.stream, checkpoint.shard_id, read.records, request.payloads, generation)
        # Records that unpack to more than a batch may hold are read again, behind this one.
        read.ended = read.ended and batch.last_sequence_number == read.records[-1].sequence_number
        store.put(batch.raw_key, data)
        return read, batch

    with ThreadPoolExecutor(SHARDS_AT_ONCE, thread_name_prefix="shard") as pool:
        return [pool.submit(one, checkpoint) for checkpoint in plan]


def _commit(
    source: ShardSource,
    ledger: Ledger,
    request: DrainRequest,
    read: ShardRead,
    batch: MicroBatch | None,
    report: DrainReport,
) -> None:
    report.behind[read.checkpoint.shard_id] = read.behind_s
    if batch is None and not read.ended:
        return
    checkpoint = read.checkpoint
    advance = Advance(
        stream=source.stream,
        shard_id=checkpoint.shard_id,
        expected_version=checkpoint.version,
        sequence_number=batch.last_sequence_number if batch else None,
        closed=read.ended,
        last_arrived_at=batch.last_arrived_at if batch else None,
    )
    ledger.commit_drain(batch, advance, request.run_id, source.clock())
    if batch is not None:
        report.batches.append(batch)
        log.info("drained batch=%s records=%d bytes=%d", batch.batch_id, batch.records, batch.bytes)
    if read.ended:
        report.closed_shards.append(checkpoint.shard_id)
        log.info("shard drained to its end stream=%s shard=%s", source.stream, checkpoint.shard_id)
