"""What the drain's tests work on: a stream, a bucket and a ledger in memory, and a clock that only waiting moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainReport, DrainRequest, drain
from include.drain.lanes import EVERY_SHARD, Lane
from include.drain.read_shard import ShardSource
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC)
SHARD = "shardId-000000000000"


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.on_wait: Callable[[], None] = lambda: None

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.on_wait()


class World:
    """A stream, a bucket and a ledger in memory, and a drain over them."""

    def __init__(self, shards: int = 1) -> None:
        self.stream = InMemoryStream("app-logs", shards)
        self.store = InMemoryObjectStore()
        self.ledger = InMemoryLedger()
        self.clock = Clock()

    def put(self, *payloads: bytes, shard: str = SHARD) -> None:
        for payload in payloads:
            self.stream.put(shard, payload, self.clock.now)

    def drain(
        self, hints: BufferHints | None = None, start_at: datetime | None = None, lane: Lane = EVERY_SHARD
    ) -> DrainReport:
        source = ShardSource("logs", "app-logs", self.stream, self.clock, self.clock.wait)
        request = DrainRequest("run", hints or BufferHints(), start_at, lane=lane)
        return drain(source, self.store, self.ledger, request)

    def open_shards(self) -> list[str]:
        """Return the shards that take records."""
        return [log.shard.shard_id for log in self.stream._logs.values() if not log.closed]

    def stored(self) -> list[bytes]:
        """Return what the ledger's batches hold, in the order of their commits."""
        return [data for batch in self.stored_batches() for data in batch]

    def stored_batches(self) -> list[list[bytes]]:
        """Return the same, by batch."""
        keys = [held.batch.raw_key for held in self.ledger.batches.values()]
        return [from_parquet(self.store.get(key)).column("data").to_pylist() for key in keys]
