"""A Kinesis stream in memory: the twin of ``include.adapters.kinesis`` for tests of everything above it."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from include.adapters.kinesis import ExpiredIteratorError
from include.errors import ConfigurationError
from include.records import Checkpoint, Page, Shard, StreamRecord


@dataclass
class _ShardLog:
    shard: Shard
    records: list[StreamRecord] = field(default_factory=list)
    closed: bool = False


class InMemoryStream:
    """One stream with shards that can be written, split, merged and made to misbehave.

    ``faults`` are raised, first in first out, by the next calls of ``page``; ``empty_pages`` is how many pages come
    back empty although records follow.
    """

    def __init__(self, name: str, shards: int = 1) -> None:
        self.name = name
        self.faults: deque[Exception] = deque()
        self.empty_pages = 0
        self._next_sequence = 1
        self._logs: dict[str, _ShardLog] = {}
        for _ in range(shards):
            self._add_shard(())

    def put(self, shard_id: str, data: bytes, arrived_at: datetime, partition_key: str = "key") -> str:
        """Append a record and return its sequence number."""
        log = self._logs[shard_id]
        if log.closed:
            raise ValueError(f"{shard_id} is closed")
        sequence_number = f"{self._next_sequence:056d}"
        self._next_sequence += 1
        log.records.append(StreamRecord(sequence_number, partition_key, arrived_at, data))
        return sequence_number

    def split(self, shard_id: str) -> tuple[str, str]:
        """Close a shard and return its two children."""
        self._logs[shard_id].closed = True
        return self._add_shard((shard_id,)), self._add_shard((shard_id,))

    def merge(self, shard_id: str, other: str) -> str:
        """Close two shards and return their child."""
        self._logs[shard_id].closed = self._logs[other].closed = True
        return self._add_shard((shard_id, other))

    def shards(self, stream: str) -> list[Shard]:
        """Return every shard, closed ones included."""
        self._check(stream)
        return [log.shard for log in self._logs.values()]

    def iterator(self, stream: str, checkpoint: Checkpoint) -> str:
        """Return an iterator right behind the checkpoint: the shard and an offset."""
        self._check(stream)
        records = self._logs[checkpoint.shard_id].records
        offset = 0
        if checkpoint.sequence_number is not None:
            offset = sum(record.sequence_number <= checkpoint.sequence_number for record in records)
        elif checkpoint.start_sequence_number is not None:
            offset = sum(record.sequence_number < checkpoint.start_sequence_number for record in records)
        elif checkpoint.start_at is not None:
            offset = sum(record.arrived_at < checkpoint.start_at for record in records)
        return f"{checkpoint.shard_id}@{offset}"

    def page(self, stream: str, iterator: str, limit: int) -> Page:
        """Return up to ``limit`` records, or the fault that was asked for."""
        self._check(stream)
        if self.faults:
            raise self.faults.popleft()
        shard_id, _, offset = iterator.partition("@")
        log, start = self._logs[shard_id], int(offset)
        if self.empty_pages:
            self.empty_pages -= 1
            return Page((), iterator, 1.0)
        records = tuple(log.records[start : start + limit])
        end = start + len(records)
        behind = 1.0 if end < len(log.records) else 0.0
        ended = log.closed and end == len(log.records)
        return Page(records, None if ended else f"{shard_id}@{end}", behind)

    def expire(self) -> None:
        """Make the next page find its iterator expired."""
        self.faults.append(ExpiredIteratorError("expired"))

    def _add_shard(self, parents: tuple[str, ...]) -> str:
        shard_id = f"shardId-{len(self._logs):012d}"
        self._logs[shard_id] = _ShardLog(Shard(shard_id, parents))
        return shard_id

    def _check(self, stream: str) -> None:
        if stream != self.name:
            raise ConfigurationError(f"Kinesis stream {stream} refused: it does not exist")
