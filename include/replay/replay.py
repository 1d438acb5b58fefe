"""Replay a range of a stream: the drain itself, over a bounded stream, in a generation of its own."""

import logging
from dataclasses import replace
from datetime import timedelta

from include.adapters.object_store import ObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.payloads.mode import Payloads
from include.drain.read_shard import ShardSource
from include.errors import CaliError
from include.ledger.ledger import Ledger
from include.replay.book import Replay, ReplayBook, ReplayRequest, ReplayState
from include.replay.bounded import BoundedReader
from include.replay.plan import begin, check
from include.replay.shortfall import account, at_the_beginning, oldest_held, tell

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
    if known.state is ReplayState.DONE:
        return known
    known = book.mark(known, ReplayState.RUNNING, None, source.clock())
    try:
        _drain(source, store, ledger.for_generation(known.generation), book, known, hints, payloads)
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
    book: ReplayBook,
    known: Replay,
    hints: BufferHints,
    payloads: Payloads,
) -> None:
    """Drain until every shard of the generation is closed; each round commits a batch or closes a shard."""
    reader = BoundedReader(source.reader, ledger.checkpoints(source.stream), known.request.until, source.wait)
    bounded = replace(source, reader=reader)
    # Nothing more is on its way, so nothing is waited for.
    order = DrainRequest(known.request.run_id, replace(hints, linger=timedelta(0)), payloads=payloads)
    while not all(checkpoint.closed for checkpoint in ledger.checkpoints(source.stream).values()):
        account(source, ledger, book, known)
        drain(bounded, store, ledger, order)


def _open(source: ShardSource, ledger: Ledger, book: ReplayBook, request: ReplayRequest) -> Replay:
    now = source.clock()
    check(request, now)
    live = ledger.checkpoints(source.stream)
    shards = source.reader.shards(source.kinesis_stream)
    checkpoints = begin(request, shards, live)
    gone = [] if request.shard_id else sorted(live.keys() - {shard.shard_id for shard in shards})
    oldest = {checkpoint.shard_id: oldest_held(source, checkpoint.shard_id) for checkpoint in checkpoints}
    opened = book.open(source.stream, request, checkpoints, at_the_beginning(source, book, request, oldest, gone), now)
    log.info(
        "replay begins stream=%s generation=%d shards=%d alerts=%s",
        opened.stream,
        opened.generation,
        len(checkpoints),
        request.alerts,
    )
    if opened.shortfall:
        tell(opened, opened.shortfall)
    return opened
