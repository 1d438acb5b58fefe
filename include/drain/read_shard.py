"""Read one shard from its checkpoint until it is caught up, its end is reached, or the batch is full."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from include.adapters.kinesis import PAGE_LIMIT, ExpiredIteratorError, StreamReader
from include.drain.buffer import BufferHints
from include.errors import StreamThrottledError
from include.records import Checkpoint, Clock, Page, StreamRecord

log = logging.getLogger(__name__)

THROTTLE_RETRIES = 8
POLL_S = 0.25

Wait = Callable[[float], None]


@dataclass(slots=True)
class ShardRead:
    """What was read of a shard; ``ended`` means that a closed shard has no record behind these."""

    checkpoint: Checkpoint
    records: list[StreamRecord] = field(default_factory=list)
    bytes: int = 0
    ended: bool = False
    behind_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ShardSource:
    """A stream to read from, by its name in CALI and in Kinesis, with the clock and the wait (seconds) to use."""

    stream: str
    kinesis_stream: str
    reader: StreamReader
    clock: Clock
    wait: Wait


def read_shard(source: ShardSource, checkpoint: Checkpoint, hints: BufferHints, until: datetime) -> ShardRead:
    """Read behind ``checkpoint``; once there is a record, keep reading until ``until`` unless the batch is full.

    An empty page is not the end: only a page that is at the tip is. A last page may carry records and no iterator.

    Raises:
        StreamThrottledError: Kinesis kept refusing; what was read is thrown away, nothing was committed.
        TransientError: Kinesis did not answer.
    """
    read = ShardRead(checkpoint)
    iterator: str | None = source.reader.iterator(source.kinesis_stream, checkpoint)
    while iterator is not None:
        page, limit = _page(source, iterator, read, hints)
        read.records.extend(page.records)
        read.bytes += sum(len(record.data) for record in page.records)
        read.behind_s = page.behind_s
        iterator = page.next_iterator
        if iterator is None:
            read.ended = True
        elif hints.full(len(read.records), read.bytes):
            break
        elif _at_tip(page, limit):
            if not read.records or source.clock() >= until:
                break
            source.wait(POLL_S)
    return read


def _at_tip(page: Page, limit: int) -> bool:
    """Return whether nothing lay behind the page when it was read.

    A full page may have more behind it although its lag is 0: not every stand-in for Kinesis tells the lag.
    """
    return page.behind_s == 0 and len(page.records) < limit


def _page(source: ShardSource, iterator: str, read: ShardRead, hints: BufferHints) -> tuple[Page, int]:
    """Get one page, by a new iterator where the old one has expired, with patience where Kinesis is busy."""
    limit = min(PAGE_LIMIT, hints.max_records - len(read.records))
    for attempt in range(THROTTLE_RETRIES):
        try:
            return source.reader.page(source.kinesis_stream, iterator, limit), limit
        except ExpiredIteratorError:
            log.info("iterator expired stream=%s shard=%s", source.stream, read.checkpoint.shard_id)
            iterator = source.reader.iterator(source.kinesis_stream, _position(read))
        except StreamThrottledError:
            # Full jitter: shards that were refused together do not come back together.
            source.wait(random.uniform(0, min(0.2 * 2**attempt, 5)))
    raise StreamThrottledError(
        f"Kinesis refused {source.stream}/{read.checkpoint.shard_id} {THROTTLE_RETRIES} times; "
        "other consumers may be using up the shard's five reads a second"
    )


def _position(read: ShardRead) -> Checkpoint:
    if not read.records:
        return read.checkpoint
    return replace(read.checkpoint, sequence_number=read.records[-1].sequence_number)
