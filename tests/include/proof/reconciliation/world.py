"""A stream in memory that was drained and processed whole, to be reconciled; and ways to spoil it."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pyarrow as pa

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.keys import Room
from include.ledger.ledger import Audited, Stage
from include.ledger.memory import BatchState, InMemoryLedger
from include.parquet import from_parquet, to_parquet
from include.process.audit_stage import QualityDesk
from include.process.validate_stage import validate_pending
from include.process.work import LEASE, Workplace
from include.proof.reconciliation.examine import Archive, examine
from include.proof.reconciliation.reconcile import reconcile
from include.proof.reconciliation.report import Findings
from include.proof.reconciliation.store import Reconciliation
from include.proof.reconciliation.store_memory import InMemoryReconciliationStore
from include.proof.reconciliation.values import Span
from include.records import Shard

DAY = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
NOON = DAY.start + timedelta(hours=12)
FIRST, SECOND = (f"shardId-{number:012d}" for number in range(2))
GAP = 10
"""Sequence numbers from one record to the next, so that another can come to lie between them."""
RUBBISH = b"rubbish"


def event(number: int) -> bytes:
    """Return a sound log event."""
    fields = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": NOON.isoformat(),
        "level": "INFO",
        "service": "cart",
        "message": "the basket is full",
        "log_content": "INFO the basket is full",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields).encode()


class World:
    """Two shards, drained and processed batch by batch; every record arrives at ``now``."""

    def __init__(self) -> None:
        self.now = NOON
        self.stream = InMemoryStream("logs", shards=2)
        self.objects = InMemoryObjectStore(lambda: self.now)
        self.ledger = InMemoryLedger()
        self.store = InMemoryReconciliationStore(self.ledger)
        self.alerts = InMemoryAlertStore()
        self.waited: list[float] = []

    @property
    def source(self) -> ShardSource:
        return ShardSource("logs", "logs", self.stream, lambda: self.now, self.waited.append)

    def put(self, shard_id: str, *payloads: bytes) -> list[str]:
        numbers = []
        for payload in payloads:
            self.stream._next_sequence += GAP
            numbers.append(self.stream.put(shard_id, payload, self.now))
        return numbers

    def drain(self) -> None:
        drain(self.source, self.objects, self.ledger, DrainRequest("run", BufferHints()))

    def process(self) -> None:
        """Validate every batch, alert on nothing, publish what is valid: the audit itself is not at issue here."""
        place = Workplace(streams.get("logs"), self.objects, self.ledger, "run", lambda: self.now)
        validate_pending(place)
        for claim in self.ledger.claim("logs", Stage.ALERT, "run", 99, LEASE, self.now):
            self.ledger.complete_alert(claim, 0, claim.valid or 0, self.now)
        for claim in self.ledger.claim("logs", Stage.AUDIT, "run", 99, LEASE, self.now):
            staged = claim.require_staged_key()
            clean = staged.replace(Room.STAGED, Room.CLEAN, 1)
            self.objects.copy(staged, clean)
            self.ledger.complete_audit(claim, Audited(clean), self.now)

    def batch(self, shard_id: str, *payloads: bytes) -> BatchState:
        """Put payloads, drain and process them; return their batch."""
        known = set(self.ledger.batches)
        self.put(shard_id, *payloads)
        self.drain()
        self.process()
        (new,) = set(self.ledger.batches) - known
        return self.ledger.batches[new]

    @property
    def archive(self) -> Archive:
        return Archive(self.source, self.objects, self.ledger, self.store)

    def examine(self, span: Span = DAY) -> Findings:
        return examine(self.archive, span)

    def reconcile(self, run_id: str = "run", span: Span = DAY) -> Reconciliation:
        desk = QualityDesk(self.alerts, AlertSettings(), "http://127.0.0.1:8080/dags/reconcile/runs/run")
        return reconcile(self.archive, span, desk, run_id)

    def shard(self, shard_id: str) -> Shard:
        return next(shard for shard in self.stream.shards("logs") if shard.shard_id == shard_id)

    # -- ways to spoil it ----------------------------------------------------------------------------------------------

    def keys(self, room: Room) -> list[str]:
        return list(self.objects.keys(f"{room}/"))

    def rewrite(self, key: str, change: Callable[[pa.Table], pa.Table]) -> None:
        """Put another table in an object's place."""
        self.objects.objects[key] = to_parquet(change(from_parquet(self.objects.objects[key])))

    def amend(self, batch_id: str, **fields: object) -> None:
        """Let the ledger say something else of a drained batch."""
        held = self.ledger.batches[batch_id]
        held.batch = replace(held.batch, **fields)  # type: ignore[arg-type]

    def forget(self, batch_id: str) -> None:
        """Take a batch out of the ledger."""
        del self.ledger._tables.batches[batch_id]

    def named(self, raw_key: str) -> str:
        """Return the id of the batch whose raw object this is."""
        return next(held.batch.batch_id for held in self.ledger.batches.values() if held.batch.raw_key == raw_key)

    def records(self, shard_id: str) -> list:  # type: ignore[type-arg]
        """Return the stream's own list of a shard's records."""
        return self.stream._logs[shard_id].records


def filled_world() -> World:
    """Return a world of three batches in one shard and two in the other, with dead letters and a joined record."""
    return deepcopy(_filled_world())


@cache
def _filled_world() -> World:
    world = World()
    world.batch(FIRST, event(1), RUBBISH, event(2))
    world.batch(SECOND, event(3), b"\n".join([event(4), event(5)]), event(6))
    world.now += timedelta(minutes=1)
    world.batch(FIRST, event(7), event(8), RUBBISH)
    world.batch(FIRST, event(9), RUBBISH, event(10))
    world.batch(SECOND, event(11), event(12))
    return world
