"""One run of the drain: every readable shard once, and again for the children of shards that ended."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from include.adapters.object_store import ObjectStore
from include.drain.buffer import BufferHints, linger_until
from include.drain.gaps import Survey, measured, rewound, survey
from include.drain.lanes import EVERY_SHARD, Lane
from include.drain.payloads.mode import Payloads
from include.drain.raw_batch import raw_batch
from include.drain.read_shard import ShardRead, ShardSource, read_shard
from include.drain.shard_plan import readable
from include.errors import CaliError
from include.ledger.ledger import Advance, Ledger
from include.records import Checkpoint, Gap, GapReason, MicroBatch

log = logging.getLogger(__name__)
SHARDS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class DrainRequest:
    """What a run is asked for.

    ``start_at`` is where a stream that was never drained begins (None: its oldest); ``payloads`` says whether records
    are opened. ``on_gap`` is told of each gap inside the transaction that records it: what it writes there is
    written once, or not at all.
    """

    run_id: str
    hints: BufferHints
    start_at: datetime | None = None
    payloads: Payloads = Payloads.AUTO
    on_gap: Callable[[Gap], None] = lambda _: None
    lane: Lane = EVERY_SHARD


@dataclass(slots=True)
class DrainReport:
    """What a run did: the batches and gaps it committed, the shards it closed, how many seconds each shard is behind.

    ``tips`` says of shards with nothing new when reading stood at their tip.
    """

    batches: list[MicroBatch] = field(default_factory=list)
    closed_shards: list[str] = field(default_factory=list)
    behind: dict[str, float] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    tips: dict[str, datetime] = field(default_factory=dict)

    def follow(self, later: "DrainReport") -> None:
        """Go on with what a later drain of the same run did."""
        self.batches += later.batches
        self.closed_shards += later.closed_shards
        self.gaps += later.gaps
        self.behind |= later.behind
        self.tips |= later.tips

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

    Parents come before their children: when a shard ends, the run goes on with what became readable by that, in its
    own lane. What was lost behind a checkpoint is recorded with the step over it, and told.

    Raises:
        FencedError: another run drained the same shard; this one committed nothing for it.
        TransientError: Kinesis, S3 or Postgres was away; what was committed before stays.
        ConfigurationError: the stream or the bucket does not exist.
    """
    stream = source.stream
    seen = survey(stream, source.reader, source.kinesis_stream, ledger.checkpoints(stream), source.clock())
    ledger.register(stream, seen.listed.values(), request.start_at, seen.now)
    until = linger_until(ledger.last_drained_at(stream), source.clock(), request.hints.linger)
    report = DrainReport()
    visited: set[str] = set()
    errors: list[CaliError] = []
    while plan := _plan(seen, ledger.checkpoints(stream), request.lane, visited):
        visited.update(checkpoint.shard_id for checkpoint, _ in plan)
        for outcome in _stored(source, store, plan, request, until, ledger.generation):
            # One shard's trouble must not hold the others back; it is raised once they are safe.
            try:
                read, batch = outcome.result()
                if read.ended:
                    # Its children first: another lane that tells how far the stream is must not overlook them.
                    ledger.register(stream, source.reader.shards(source.kinesis_stream), None, source.clock())
                _commit(source, ledger, request, read, batch, report)
            except CaliError as error:
                log.warning("shard left where it was stream=%s error=%s", stream, error)
                errors.append(error)
    if report.tips:
        ledger.catch_up(stream, report.tips)
    if errors:
        raise errors[0]
    return report


def _plan(
    seen: Survey, checkpoints: Mapping[str, Checkpoint], lane: Lane, visited: set[str]
) -> list[tuple[Checkpoint, Gap | None]]:
    """Return the lane's shards to read now, each with what was lost behind its checkpoint."""
    gaps = seen.gaps(checkpoints)
    # A checkpoint of another stream of the same name begins anew, also where that one's shard was drained to its end.
    again = {shard_id for shard_id, gap in gaps.items() if gap.reason is GapReason.UNKNOWN_SEQUENCE}
    gone = {shard_id for shard_id, gap in gaps.items() if gap.reason is GapReason.SHARD_GONE}
    opened = {**checkpoints, **{shard_id: rewound(checkpoints[shard_id], seen.listed[shard_id]) for shard_id in again}}
    # Of a shard that is gone nothing is read, so it waits for nobody.
    plan = [
        *(checkpoints[shard_id] for shard_id in sorted(gone)),
        *(one for one in readable(opened) if one.shard_id not in gone),
    ]
    # Only here: whether a shard may be read hangs on its parents, whichever lane has those.
    mine = [one for one in plan if lane.has(one.shard_id) and one.shard_id not in visited]
    return [(one, gaps.get(one.shard_id)) for one in mine]


def _stored(
    source: ShardSource,
    store: ObjectStore,
    plan: Sequence[tuple[Checkpoint, Gap | None]],
    request: DrainRequest,
    until: datetime,
    generation: int,
) -> list[Future[tuple[ShardRead, MicroBatch | None]]]:
    """Read the shards at the same time and store each one's object."""

    def one(checkpoint: Checkpoint, gap: Gap | None) -> tuple[ShardRead, MicroBatch | None]:
        read = read_shard(source, checkpoint, request.hints, until, gap)
        if not read.records:
            return read, None
        batch, data = raw_batch(source.stream, checkpoint.shard_id, read.records, request.payloads, generation)
        # Records that unpack to more than a batch may hold are read again, behind this one.
        if batch.last_sequence_number != read.records[-1].sequence_number:
            read.ended, read.caught_up_at = False, None
        store.put(batch.raw_key, data)
        # What is stored need not wait in memory until the last shard is.
        read.records.clear()
        return read, batch

    with ThreadPoolExecutor(SHARDS_AT_ONCE, thread_name_prefix="shard") as pool:
        return [pool.submit(one, checkpoint, gap) for checkpoint, gap in plan]


def _commit(
    source: ShardSource,
    ledger: Ledger,
    request: DrainRequest,
    read: ShardRead,
    batch: MicroBatch | None,
    report: DrainReport,
) -> None:
    report.behind[read.checkpoint.shard_id] = read.behind_s
    checkpoint = read.checkpoint
    if batch is None and read.gap is None and not read.ended:
        if read.caught_up_at is not None:
            report.tips[checkpoint.shard_id] = read.caught_up_at
        return
    advance = _advance(source.stream, read, batch)
    if advance.gap is None:
        ledger.commit_drain(batch, advance, request.run_id, source.clock())
    else:
        with ledger.transaction():
            ledger.commit_drain(batch, advance, request.run_id, source.clock())
            request.on_gap(advance.gap)
        report.gaps.append(advance.gap)
        log.warning(
            "records may be lost gap=%s from=%s to=%s", advance.gap.gap_id, advance.gap.from_at, advance.gap.to_at
        )
    if batch is not None:
        report.batches.append(batch)
        log.info("drained batch=%s records=%d bytes=%d", batch.batch_id, batch.records, batch.bytes)
    if read.ended:
        report.closed_shards.append(checkpoint.shard_id)
        log.info("shard drained to its end stream=%s shard=%s", source.stream, checkpoint.shard_id)


def _advance(stream: str, read: ShardRead, batch: MicroBatch | None) -> Advance:
    """Return a shard's step: over its gap, its batch, to its end, whatever there is of these."""
    gap = read.gap
    # What arrived before a gap's end is accounted for, and no child of the shard is told of it again; unless what was
    # read of another stream's shard is only the first bite of it.
    accounted = gap.to_at if gap and not (read.rewound and batch) else None
    known = [at for at in (read.caught_up_at, accounted) if at is not None]
    return Advance(
        stream=stream,
        shard_id=read.checkpoint.shard_id,
        expected_version=read.checkpoint.version,
        sequence_number=batch.last_sequence_number if batch else None,
        closed=read.ended,
        last_arrived_at=batch.last_arrived_at if batch else None,
        caught_up_at=max(known, default=None),
        gap=measured(gap, batch.first_arrived_at if batch else None) if gap else None,
        rewound=read.rewound,
        shard_start=read.checkpoint.shard_start,
    )
