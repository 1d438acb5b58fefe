"""Read one shard from its checkpoint until it is caught up, its end is reached, or the batch is full."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from include.adapters.kinesis import PAGE_LIMIT, ExpiredIteratorError, StreamReader, UnknownSequenceError
from include.drain.buffer import BufferHints
from include.drain.gaps import rewound, unknown_sequence
from include.errors import StreamThrottledError
from include.records import Checkpoint, Clock, Gap, GapReason, Page, StreamRecord

log = logging.getLogger(__name__)

THROTTLE_RETRIES = 8
POLL_S = 0.25

Wait = Callable[[float], None]


@dataclass(slots=True)
class ShardRead:
    """What was read of a shard; ``ended`` means that a closed shard has no record behind these.

    ``caught_up_at`` is when reading last stood at the tip of an open shard, ``gap`` what was lost before these records.
    """

    checkpoint: Checkpoint
    gap: Gap | None = None
    records: list[StreamRecord] = field(default_factory=list)
    bytes: int = 0
    ended: bool = False
    behind_s: float = 0.0
    caught_up_at: datetime | None = None

    @property
    def rewound(self) -> bool:
        """Whether reading began at the oldest record, because the checkpoint's means nothing to the stream."""
        return self.gap is not None and self.gap.reason is GapReason.UNKNOWN_SEQUENCE

    @property
    def position(self) -> Checkpoint:
        """Where reading goes on."""
        begin = rewound(self.checkpoint) if self.rewound else self.checkpoint
        return replace(begin, sequence_number=self.records[-1].sequence_number) if self.records else begin


@dataclass(frozen=True, slots=True)
class ShardSource:
    """A stream to read from, by its name in CALI and in Kinesis, with the clock and the wait (seconds) to use."""

    stream: str
    kinesis_stream: str
    reader: StreamReader
    clock: Clock
    wait: Wait


def read_shard(
    source: ShardSource, checkpoint: Checkpoint, hints: BufferHints, until: datetime, gap: Gap | None = None
) -> ShardRead:
    """Read behind ``checkpoint``; once there is a record, keep reading until ``until`` unless the batch is full.

    An empty page is not the end: only a page that is at the tip is. A last page may carry records and no iterator.
    ``gap`` is what is known to be lost behind the checkpoint; of a shard that is gone there is nothing to read.

    Raises:
        StreamThrottledError: Kinesis kept refusing; what was read is thrown away, nothing was committed.
        TransientError: Kinesis did not answer.
    """
    read = ShardRead(checkpoint, gap)
    if gap is not None and gap.reason is GapReason.SHARD_GONE:
        read.ended = True
        return read
    iterator: str | None = _begin(source, read)
    while iterator is not None:
        asked_at = source.clock()
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
            if read.records and source.clock() < until:
                source.wait(POLL_S)
            elif read.records or read.caught_up_at is not None:
                read.caught_up_at = asked_at
                break
            # Of a closed shard with nothing left, a stand-in for Kinesis tells the end only by its second empty page.
            read.caught_up_at = asked_at
    return read


def _begin(source: ShardSource, read: ShardRead) -> str:
    try:
        return source.reader.iterator(source.kinesis_stream, read.position)
    except UnknownSequenceError as error:
        log.warning("checkpoint is unknown to the stream, reading its oldest record reason=%s", error)
        read.gap = unknown_sequence(source.stream, read.checkpoint, source.clock())
        return source.reader.iterator(source.kinesis_stream, read.position)


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
            iterator = source.reader.iterator(source.kinesis_stream, read.position)
        except StreamThrottledError:
            # Full jitter: shards that were refused together do not come back together.
            source.wait(random.uniform(0, min(0.2 * 2**attempt, 5)))
    raise StreamThrottledError(
        f"Kinesis refused {source.stream}/{read.checkpoint.shard_id} {THROTTLE_RETRIES} times; "
        "other consumers may be using up the shard's five reads a second"
    )
