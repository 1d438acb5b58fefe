"""A stream that ends where a replay ends, so that the drain itself needs no notion of an end."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import takewhile

from include.adapters.kinesis import StreamReader, UnknownSequenceError
from include.drain.read_shard import Wait
from include.errors import ConfigurationError
from include.records import Checkpoint, Page, Shard, StreamRecord

PAGE_INTERVAL_S = 0.5
"""How long a replay rests after a page: the live drain needs most of the five reads a second that a shard allows."""


class BoundedReader:
    """A ``StreamReader`` of a replay's shards alone, each of which looks closed where the replay stops.

    A shard stops behind the record that its checkpoint names, before the first record that arrived at ``until`` or
    later, or at the tip: what comes later arrives after ``until``. Kinesis does not promise that arrival times
    increase, so a range by time is a run of neighbouring records: what follows its end is out, whatever its time.
    """

    def __init__(
        self, reader: StreamReader, checkpoints: Mapping[str, Checkpoint], until: datetime | None, wait: Wait
    ) -> None:
        self._reader = reader
        self._checkpoints = checkpoints
        self._until = until
        self._wait = wait

    def shards(self, stream: str) -> list[Shard]:  # noqa: ARG002 - they were chosen when the replay began
        """Return the replay's shards, also those that have left the stream: ``account`` deals with them."""
        return [Shard(one.shard_id, one.parent_shard_ids) for one in self._checkpoints.values()]

    def retention(self, stream: str) -> timedelta:  # noqa: ARG002 - the same for each
        """Return a span that nothing is older than: what a replay misses is its shortfall, no gap of the stream."""
        return timedelta(days=36_500)

    def iterator(self, stream: str, checkpoint: Checkpoint) -> str:
        """Return an iterator right behind the checkpoint; it carries its shard's name.

        Raises:
            ConfigurationError: the stream was made anew while the replay was at work.
        """
        try:
            return f"{checkpoint.shard_id} {self._reader.iterator(stream, checkpoint)}"
        except UnknownSequenceError as error:
            raise ConfigurationError(f"{error}; begin a new replay") from error

    def page(self, stream: str, iterator: str, limit: int) -> Page:
        """Return up to ``limit`` records of the range, without a next iterator where the range ends."""
        shard_id, _, position = iterator.partition(" ")
        page = self._reader.page(stream, position, limit)
        kept = tuple(takewhile(lambda record: not self._past(shard_id, record), page.records))
        # An empty page without lag is the tip; one with records may not be, where a stand-in does not tell the lag.
        tip = not page.records and page.behind_s == 0
        if tip or len(kept) < len(page.records) or page.next_iterator is None or self._complete(shard_id, kept):
            return Page(kept, None, page.behind_s)
        self._wait(PAGE_INTERVAL_S)
        return Page(kept, f"{shard_id} {page.next_iterator}", page.behind_s)

    def _past(self, shard_id: str, record: StreamRecord) -> bool:
        stop = self._checkpoints[shard_id].stop_sequence_number
        if stop is not None and int(record.sequence_number) > int(stop):
            return True
        return self._until is not None and record.arrived_at >= self._until

    def _complete(self, shard_id: str, kept: tuple[StreamRecord, ...]) -> bool:
        """Return whether the last record is the one to stop at, so that no further page need be read."""
        return bool(kept) and kept[-1].sequence_number == self._checkpoints[shard_id].stop_sequence_number
