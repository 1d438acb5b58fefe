"""Replay a range of a stream: the drain itself, over a bounded stream, in a generation of its own."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from include.adapters.object_store import ObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.payloads.mode import Payloads
from include.drain.read_shard import ShardSource, read_shard
from include.errors import CaliError
from include.ledger.ledger import Ledger
from include.records import Checkpoint, StreamRecord
from include.replay.book import Replay, ReplayBook, ReplayRequest, ReplayState, Shortfall
from include.replay.bounded import BoundedReader
from include.replay.plan import begin, check

log = logging.getLogger(__name__)


def replay(
    source: ShardSource,
    store: ObjectStore,
    ledger: Ledger,
    book: ReplayBook,
    request: ReplayRequest,
    hints: BufferHints,
    payloads: Payloads = Payloads.AUTO,
) -> Replay:
    """Drain the range again into raw objects and ledger rows of a new generation; the live checkpoints stay.

    Tried again by the same run, it goes on where it was; once it is done, another try changes nothing.

    Raises:
        ConfigurationError: the range makes no sense, or the stream does not exist.
        FencedError: another try of the same run is at work; this one committed nothing.
        TransientError: Kinesis, S3 or Postgres was away; what was committed before stays.
    """
    known = book.find(source.stream, request.run_id) or _open(source, ledger, book, request)
    _tell(known)
    if known.state is ReplayState.DONE:
        return known
    known = book.mark(known, ReplayState.RUNNING, None, source.clock())
    try:
        _drain(source, store, ledger.for_generation(known.generation), known.request, hints, payloads)
    except CaliError as error:
        book.mark(known, ReplayState.FAILED, f"{type(error).__name__}: {error}", source.clock())
        raise
    done = book.mark(known, ReplayState.DONE, None, source.clock())
    log.info(
        "replayed stream=%s generation=%d batches=%d records=%d",
        done.stream,
        done.generation,
        done.batches,
        done.records,
    )
    return done


def _drain(
    source: ShardSource,
    store: ObjectStore,
    ledger: Ledger,
    request: ReplayRequest,
    hints: BufferHints,
    payloads: Payloads,
) -> None:
    """Drain until every shard of the generation is closed; each round commits a batch or closes a shard."""
    reader = BoundedReader(source.reader, ledger.checkpoints(source.stream), request.until, source.wait)
    bounded = replace(source, reader=reader)
    # Nothing more is on its way, so nothing is waited for.
    order = DrainRequest(request.run_id, replace(hints, linger=timedelta(0)), payloads=payloads)
    while not all(checkpoint.closed for checkpoint in ledger.checkpoints(source.stream).values()):
        drain(bounded, store, ledger, order)


def _open(source: ShardSource, ledger: Ledger, book: ReplayBook, request: ReplayRequest) -> Replay:
    now = source.clock()
    check(request, now)
    live = ledger.checkpoints(source.stream)
    shards = source.reader.shards(source.kinesis_stream)
    checkpoints = begin(request, shards, live)
    gone = [] if request.shard_id else sorted(live.keys() - {shard.shard_id for shard in shards})
    oldest = {checkpoint.shard_id: _oldest(source, checkpoint) for checkpoint in checkpoints}
    shortfall = _shortfall(source, book, request, oldest | dict.fromkeys(gone))
    opened = book.open(source.stream, request, checkpoints, shortfall, now)
    log.info(
        "replay begins stream=%s generation=%d shards=%d alerts=%s",
        opened.stream,
        opened.generation,
        len(checkpoints),
        request.alerts,
    )
    return opened


def _oldest(source: ShardSource, checkpoint: Checkpoint) -> StreamRecord | None:
    """Return the oldest record that a shard still holds."""
    read = read_shard(source, Checkpoint(checkpoint.shard_id), BufferHints(max_records=1), source.clock())
    return read.records[0] if read.records else None


def _shortfall(
    source: ShardSource, book: ReplayBook, request: ReplayRequest, oldest: Mapping[str, StreamRecord | None]
) -> Shortfall | None:
    """Return what of the range the stream no longer holds, as the live batches tell it; None: it holds all."""
    drained = [
        book.drained_live(source.stream, shard_id, request, record.sequence_number if record else None)
        for shard_id, record in oldest.items()
    ]
    records = sum(part.records for part in drained)
    ends = [part.last_arrived_at for part in drained if part.last_arrived_at]
    if _begins_before(request, oldest):
        held = [record.arrived_at for record in oldest.values() if record]
        ends.append(min([*held, request.until or source.clock()]))
    if not ends:
        return None
    firsts = [part.first_arrived_at for part in drained if part.first_arrived_at]
    return Shortfall(request.from_at or min(firsts, default=None), max(ends), records)


def _begins_before(request: ReplayRequest, oldest: Mapping[str, StreamRecord | None]) -> bool:
    """Return whether the range begins before everything that the stream, or the sequence number's shard, holds."""
    if request.from_at is not None:
        return all(record is None or request.from_at < record.arrived_at for record in oldest.values())
    first = oldest.get(request.shard_id or "")
    return first is None or int(request.from_sequence_number or 0) < int(first.sequence_number)


def _tell(known: Replay) -> None:
    if known.shortfall:
        log.warning(
            "the stream does not hold all that was asked for: stream=%s generation=%d from=%s until=%s "
            "records_at_most=%d (what the live drain read there lies in the live raw/)",
            known.stream,
            known.generation,
            known.shortfall.from_at or "unknown",
            known.shortfall.until,
            known.shortfall.records,
        )
