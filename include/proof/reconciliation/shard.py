"""Read one shard once more, forward, without touching its checkpoint."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

from include.adapters.kinesis import PAGE_LIMIT
from include.drain.buffer import BufferHints
from include.drain.read_shard import ShardSource, read_shard
from include.records import Checkpoint, StreamRecord

PAGE = BufferHints(max_records=PAGE_LIMIT, max_bytes=1)
"""One page that has records, whatever its size."""
PAUSE_S = 0.4
"""Between two pages: the drain and the doorbell read from the same five reads a second."""
AT_ONCE = datetime.min.replace(tzinfo=UTC)


class ShardRecords:
    """The records of a shard behind ``start``, in order, up to the stream's tip; at most a page is held.

    Raises, from each method:
        StreamThrottledError: Kinesis kept refusing.
        TransientError: Kinesis did not answer.
    """

    def __init__(self, source: ShardSource, start: Checkpoint) -> None:
        self._source = source
        self._position = start
        self._page: deque[StreamRecord] = deque()
        self._pages = 0
        self._exhausted = False

    def peek(self) -> StreamRecord | None:
        """Return the next record, or None at the tip or at the end of a closed shard."""
        if not self._page and not self._exhausted:
            self._next_page()
        return self._page[0] if self._page else None

    def through(self, sequence_number: int | None) -> Iterator[StreamRecord]:
        """Yield the records up to that number, itself included; None: all there are."""
        while (record := self.peek()) is not None:
            if sequence_number is not None and int(record.sequence_number) > sequence_number:
                return
            yield self._page.popleft()

    def oldest(self) -> int | None:
        """Return the sequence number of the oldest record that the shard still holds now, or None without any."""
        read = read_shard(self._source, Checkpoint(self._position.shard_id), BufferHints(1, 1), AT_ONCE)
        return int(read.records[0].sequence_number) if read.records else None

    def _next_page(self) -> None:
        if self._pages:
            self._source.wait(PAUSE_S)
        # A position that the stream does not know is read from the oldest record on.
        read = read_shard(self._source, self._position, PAGE, AT_ONCE)
        self._pages += 1
        self._page.extend(read.records)
        self._exhausted = read.ended or not read.records
        self._position = read.position
