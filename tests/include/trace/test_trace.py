"""What somebody who follows a message's link gets to know of a batch and of a record."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.ledger.postgres import PostgresLedger, connected
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.trace.batch import Row, trace_batch
from include.trace.record import trace_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARD = "shardId-000000000000"
EVENT = {
    "event_id": "7d1f2c1e-0d5c-4a57-9a3e-000000000001",
    "timestamp": NOW.isoformat(),
    "level": "ERROR",
    "service": "cart",
    "message": "login failed password=hunter22",
    "log_content": "ERROR login failed",
    "pod": "cart-1",
    "version": "1.0",
}


class World:
    """A stream with one good record and one that is none, drained; validated when asked."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.store = InMemoryObjectStore()
        self.ledger = PostgresLedger(connection)
        stream = InMemoryStream("logs")
        self.good = stream.put(SHARD, json.dumps(EVENT).encode(), NOW)
        self.bad = stream.put(SHARD, b'{"token": "s3cr3t-of-ours"', NOW)
        source = ShardSource("logs", "logs", stream, lambda: NOW, lambda _: None)
        drain(source, self.store, self.ledger, DrainRequest("run", BufferHints()))

    def validate(self) -> None:
        """Share the records out."""
        validate_pending(Workplace(streams.get("logs"), self.store, self.ledger, "run", lambda: NOW))

    @property
    def batch(self) -> Row:
        """The one batch."""
        (batch_id,) = self.connection.execute("select batch_id from cali.micro_batches").fetchone() or ("",)
        batch = trace_batch(self.connection, batch_id)
        assert batch is not None
        return batch


@pytest.fixture
def world(migrated_uri: str) -> Iterator[World]:
    """Yield a world with a database of its own."""
    with connected(migrated_uri) as connection:
        yield World(connection)


def test_a_batch_is_told_with_its_stages_and_dead_letters(world: World) -> None:
    """Before it is judged the counts are open; then they add up, and the reason is there."""
    fresh = world.batch
    assert (fresh["state"], fresh["records"], fresh["valid"], fresh["dead_letters"]) == ("drained", 2, None, [])
    assert [stage["stage"] for stage in fresh["stages"]] == ["validate"]
    world.validate()
    judged = world.batch
    assert (judged["state"], judged["valid"], judged["dead_lettered"]) == ("validated", 1, 1)
    assert [(group["records"], group["redrive_state"]) for group in judged["dead_letters"]] == [(1, "open")]
    assert [(stage["stage"], stage["state"]) for stage in judged["stages"]] == [
        ("validate", "done"),
        ("alert", "pending"),
        ("audit", "pending"),
    ]


def test_an_unknown_batch_is_none(world: World) -> None:
    """Whoever follows an old link is told so."""
    assert trace_batch(world.connection, "logs-of-long-ago") is None


def test_a_record_is_valid_or_a_dead_letter_and_shows_no_secret(world: World) -> None:
    """Each is found in the object that holds it; neither its secret nor a dead letter's bytes are shown."""
    assert trace_record(world.store, world.batch, world.good, 0) is None
    world.validate()
    batch = world.batch
    good, bad = (trace_record(world.store, batch, number, 0) for number in (world.good, world.bad))
    assert good is not None
    assert (good.fate, good.key) == ("valid", batch["staged_key"])
    assert (good.fields["service"], good.fields["message"]) == ("cart", "login failed password=****")
    assert bad is not None
    assert (bad.fate, bad.key) == ("dead letter", batch["dlq_key"])
    assert bad.fields["reason"]
    assert "s3cr3t-of-ours" not in str(bad.fields)
    assert "data" not in bad.fields


def test_what_no_object_holds_is_none(world: World) -> None:
    """Another batch's record, another part of this one, and all of it once the objects are past their retention."""
    world.validate()
    batch = world.batch
    assert trace_record(world.store, batch, "1", 0) is None
    assert trace_record(world.store, batch, world.good, 1) is None
    assert trace_record(InMemoryObjectStore(), batch, world.good, 0) is None
