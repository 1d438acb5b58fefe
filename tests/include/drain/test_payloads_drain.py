"""The drain of packed records: events are stored, checkpoints still count the stream's own records."""

from datetime import timedelta

import pytest

from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainReport, DrainRequest, drain
from include.drain.payloads import unpack as unpacking
from include.drain.payloads.mode import Payloads
from include.drain.read_shard import ShardSource
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet
from tests.include.drain.packing import NOW, aggregate, gzipped

SHARD = "shardId-000000000000"
ONE, TWO = b'{"n":1}', b'{"n":2}'


class World:
    """A stream, a bucket and a ledger in memory."""

    def __init__(self, *payloads: bytes) -> None:
        self.stream = InMemoryStream("app-logs", 1)
        self.store = InMemoryObjectStore()
        self.ledger = InMemoryLedger()
        for payload in payloads:
            self.stream.put(SHARD, payload, NOW)

    def drain(self, hints: BufferHints | None = None, payloads: Payloads = Payloads.AUTO) -> DrainReport:
        source = ShardSource("logs", "app-logs", self.stream, lambda: NOW + timedelta(seconds=1), lambda _: None)
        request = DrainRequest("run", hints or BufferHints(), payloads=payloads)
        return drain(source, self.store, self.ledger, request)

    def stored(self) -> list[bytes]:
        """Return the events of all batches, in order."""
        keys = [held.batch.raw_key for held in self.ledger.batches.values()]
        return [data for key in keys for data in from_parquet(self.store.get(key)).column("data").to_pylist()]


def test_a_batch_counts_events_and_its_bound_counts_stream_records() -> None:
    """Two aggregates of two events are four records of a batch that was bound to two."""
    world = World(aggregate([ONE, TWO]), aggregate([TWO, ONE]), ONE)
    assert [world.drain(BufferHints(max_records=2)).records for _ in range(3)] == [4, 1, 0]
    assert world.stored() == [ONE, TWO, TWO, ONE, ONE]


def test_a_stream_that_is_set_to_plain_is_stored_as_it_is() -> None:
    """The request carries the setting down to the records."""
    world = World(gzipped(ONE))
    world.drain(payloads=Payloads.PLAIN)
    assert world.stored() == [gzipped(ONE)]


def test_what_a_batch_cannot_hold_is_left_for_the_next_and_the_shard_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A closed shard whose records unpack to too much ends with the batch that has its last record."""
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 1)
    world = World(aggregate([ONE, TWO]), aggregate([TWO]), ONE)
    world.stream.split(SHARD)
    reports = [world.drain() for _ in range(3)]
    assert [report.records for report in reports] == [2, 1, 1]
    assert [report.closed_shards for report in reports] == [[], [], [SHARD]]
    assert world.stored() == [ONE, TWO, TWO, ONE]
