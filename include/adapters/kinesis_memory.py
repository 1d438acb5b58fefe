"""A Kinesis stream in memory: the twin of ``include.adapters.kinesis`` for tests of everything above it."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from include.adapters.kinesis import ExpiredIteratorError, UnknownSequenceError
from include.errors import ConfigurationError
from include.records import Checkpoint, Page, Shard, StreamRecord


@dataclass
class _ShardLog:
    shard: Shard
    records: list[StreamRecord] = field(default_factory=list)
    trimmed: int = 0
    closed_at: datetime | None = None

    @property
    def closed(self) -> bool:
        return self.closed_at is not None

    def read(self, start: int, limit: int) -> tuple[StreamRecord, ...]:
        """Return records from the n-th that was ever put, or from the oldest that is left."""
        offset = max(start - self.trimmed, 0)
        return tuple(self.records[offset : offset + limit])


class InMemoryStream:
    """One stream with shards that can be written, split, merged, trimmed, made anew and made to misbehave.

    ``faults`` are raised, first in first out, by the next calls of ``page``; ``empty_pages`` is how many pages come
    back empty although records follow.
    """

    def __init__(self, name: str, shards: int = 1) -> None:
        self.name = name
        self.faults: deque[Exception] = deque()
        self.empty_pages = 0
        self.keeps = timedelta(hours=24)
        self._next_sequence, self._next_shard = 1, 0
        self._logs: dict[str, _ShardLog] = {}
        self._time = datetime.min.replace(tzinfo=UTC)
        self.recreate(shards)

    def recreate(self, shards: int = 1) -> None:
        """Delete the stream and make one of the same name; its sequence numbers come after all older ones."""
        self._logs, self._next_shard = {}, 0
        for _ in range(shards):
            self._add_shard(())

    def trim(self, now: datetime) -> None:
        """Let retention remove what is older than ``keeps``: records, and shards that were closed before."""
        self._time = max(self._time, now)
        for shard_id, log in list(self._logs.items()):
            kept = [record for record in log.records if record.arrived_at >= now - self.keeps]
            log.trimmed += len(log.records) - len(kept)
            log.records = kept
            if log.closed_at is not None and log.closed_at < now - self.keeps:
                del self._logs[shard_id]

    def put(self, shard_id: str, data: bytes, arrived_at: datetime, partition_key: str = "key") -> str:
        """Append a record and return its sequence number."""
        log = self._logs[shard_id]
        if log.closed:
            raise ValueError(f"{shard_id} is closed")
        sequence_number = f"{self._next_sequence:056d}"
        self._next_sequence += 1
        self._time = max(self._time, arrived_at)
        log.records.append(StreamRecord(sequence_number, partition_key, arrived_at, data))
        return sequence_number

    def split(self, shard_id: str) -> tuple[str, str]:
        """Close a shard and return its two children."""
        self._logs[shard_id].closed_at = self._time
        return self._add_shard((shard_id,)), self._add_shard((shard_id,))

    def merge(self, shard_id: str, other: str) -> str:
        """Close two shards and return their child."""
        self._logs[shard_id].closed_at = self._logs[other].closed_at = self._time
        return self._add_shard((shard_id, other))

    def shards(self, stream: str) -> list[Shard]:
        """Return every shard, closed ones included."""
        self._check(stream)
        return [log.shard for log in self._logs.values()]

    def retention(self, stream: str) -> timedelta:
        """Return how long the stream keeps a record."""
        self._check(stream)
        return self.keeps

    def iterator(self, stream: str, checkpoint: Checkpoint) -> str:
        """Return an iterator right behind the checkpoint: the shard and how many records lie before."""
        self._check(stream)
        log = self._log(checkpoint.shard_id)
        before = log.trimmed
        if checkpoint.sequence_number is not None:
            if not log.shard.starting_sequence_number <= checkpoint.sequence_number < f"{self._next_sequence:056d}":
                raise UnknownSequenceError(f"{checkpoint.shard_id} does not know {checkpoint.sequence_number}")
            before += sum(record.sequence_number <= checkpoint.sequence_number for record in log.records)
        elif checkpoint.start_sequence_number is not None:
            before += sum(record.sequence_number < checkpoint.start_sequence_number for record in log.records)
        elif checkpoint.start_at is not None:
            before += sum(record.arrived_at < checkpoint.start_at for record in log.records)
        return f"{checkpoint.shard_id}@{before}"

    def page(self, stream: str, iterator: str, limit: int) -> Page:
        """Return up to ``limit`` records, or the fault that was asked for."""
        self._check(stream)
        if self.faults:
            raise self.faults.popleft()
        shard_id, _, before = iterator.partition("@")
        log = self._log(shard_id)
        if self.empty_pages:
            self.empty_pages -= 1
            return Page((), iterator, 1.0)
        records = log.read(int(before), limit)
        end, newest = max(int(before), log.trimmed) + len(records), log.trimmed + len(log.records)
        behind = 1.0 if end < newest else 0.0
        ended = log.closed and end == newest
        return Page(records, None if ended else f"{shard_id}@{end}", behind)

    def expire(self) -> None:
        """Make the next page find its iterator expired."""
        self.faults.append(ExpiredIteratorError("expired"))

    def _add_shard(self, parents: tuple[str, ...]) -> str:
        shard_id = f"shardId-{self._next_shard:012d}"
        self._next_shard += 1
        self._logs[shard_id] = _ShardLog(Shard(shard_id, parents, f"{self._next_sequence:056d}"))
        self._next_sequence += 1
        return shard_id

    def _log(self, shard_id: str) -> _ShardLog:
        if shard_id not in self._logs:
            raise ConfigurationError(f"Kinesis stream {self.name}, {shard_id} refused: it does not exist")
        return self._logs[shard_id]

    def _check(self, stream: str) -> None:
        if stream != self.name:
            raise ConfigurationError(f"Kinesis stream {stream} refused: it does not exist")
