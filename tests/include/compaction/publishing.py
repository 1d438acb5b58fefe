"""Batches that are published, by the ledger's own steps."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa

from include.adapters.object_store import ObjectStore
from include.keys import Room, object_key
from include.ledger.ledger import Advance, Audited, Ledger, Stage, Validated
from include.parquet import to_parquet
from include.records import MicroBatch, Shard

LEASE = timedelta(minutes=1)
QUALITY = {
    "suite": "logs",
    "suite_version": "1",
    "success": True,
    "evaluated": 1,
    "successful": 1,
    "report": {},
    "docs_key": None,
    "duration_s": 0.1,
}


@dataclass
class Publisher:
    """Publishes batches of one shard; each record is a number, and no two are the same."""

    ledger: Ledger
    store: ObjectStore
    stream: str = "logs"
    shard_id: str = "shardId-000000000000"
    generation: int = 0
    published: list[int] = field(default_factory=list)
    _version: int = 0

    def __post_init__(self) -> None:
        self.ledger = self.ledger.for_generation(self.generation)
        self.ledger.register(self.stream, [Shard(self.shard_id)], None, datetime.fromisoformat("2026-01-01T00:00Z"))

    def publish(self, arrived_at: datetime, records: int = 3, *, quarantine: bool = False) -> str:
        """Drain, validate and audit a batch of so many records that arrived then; return its id."""
        first, numbers = self._version * 100, range(self._version * 100, self._version * 100 + records)
        batch = self._drain(arrived_at, first, records)
        (claim,) = self.ledger.claim(self.stream, Stage.VALIDATE, "run", 1, LEASE, arrived_at)
        staged_key = object_key(Room.STAGED, self.stream, arrived_at, f"{batch.batch_id}.parquet", self.generation)
        self.ledger.complete_validate(claim, Validated(records, staged_key, None), arrived_at)
        (claim,) = self.ledger.claim(self.stream, Stage.ALERT, "run", 1, LEASE, arrived_at)
        self.ledger.complete_alert(claim, 0, records, arrived_at)
        (claim,) = self.ledger.claim(self.stream, Stage.AUDIT, "run", 1, LEASE, arrived_at)
        clean_key = object_key(Room.CLEAN, self.stream, arrived_at, f"{batch.batch_id}.parquet", self.generation)
        data = to_parquet(pa.table({"number": pa.array(numbers, pa.int64())}))
        self.store.put(staged_key, data)
        if not quarantine:
            self.store.put(clean_key, data)
            self.published += numbers
        quality = QUALITY | {"started_at": arrived_at.isoformat()}
        self.ledger.complete_audit(claim, Audited(None if quarantine else clean_key, quality), arrived_at)
        return batch.batch_id

    def _drain(self, arrived_at: datetime, first: int, records: int) -> MicroBatch:
        last = first + records - 1
        raw_name = f"{self.shard_id}-{first}-{last}-{first:016x}.parquet"
        batch = MicroBatch(
            batch_id=f"{self.stream}-{self.shard_id}-{first + self.generation:016x}",
            stream=self.stream,
            shard_id=self.shard_id,
            first_sequence_number=str(first),
            first_sub_sequence=0,
            last_sequence_number=str(last),
            last_sub_sequence=0,
            records=records,
            bytes=records,
            sha256="0" * 64,
            first_arrived_at=arrived_at,
            last_arrived_at=arrived_at,
            raw_key=object_key(Room.RAW, self.stream, arrived_at, raw_name, self.generation),
            generation=self.generation,
        )
        self.store.put(batch.raw_key, b"raw")
        advance = Advance(self.stream, self.shard_id, self._version, str(last), False, arrived_at)
        self.ledger.commit_drain(batch, advance, "run", arrived_at)
        self._version += 1
        return batch
