"""A stream on an emulator that is drained for real: Kinesis, S3 and Postgres, with a journal of what was accepted."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from include.adapters.kinesis import BotoStreamReader
from include.adapters.object_store import S3ObjectStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainReport, DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.drain.shard_plan import readable
from include.ledger.postgres import PostgresLedger
from include.parquet import from_parquet
from include.records import utc_now
from tests.eventually import eventually
from tests.servers import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

DEADLINE_S = 20


class RealStream:
    """A stream of its own; ``reader`` may be another client's, for one that is made to fail."""

    def __init__(self, kinesis: Any, s3: Any, connection: psycopg.Connection[Any], shards: int = 1) -> None:
        self.name = f"resharded-{secrets.token_hex(4)}"
        self.kinesis = kinesis
        self.connection = connection
        self.ledger = PostgresLedger(connection)
        self.reader = BotoStreamReader(kinesis)
        # As patient as a task's: the embedded S3 may stumble over two first objects of one folder at the same time.
        self._s3 = boto3.client(
            "s3",
            endpoint_url=s3.meta.endpoint_url,
            region_name=CREDENTIALS.region,
            aws_access_key_id=CREDENTIALS.key,
            aws_secret_access_key=CREDENTIALS.secret,
            config=s3.meta.config.merge(Config(retries={"mode": "standard", "max_attempts": 3})),
        )
        self.store = S3ObjectStore(self._s3, self.name)
        self.journal: dict[str, list[str]] = {}
        self._numbers = count()
        s3.create_bucket(Bucket=self.name)
        kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        self._settle()

    def close(self) -> None:
        """Delete the stream and leave the servers."""
        self._s3.close()
        self.kinesis.delete_stream(StreamName=self.name)

    def put(self, records: int = 12) -> None:
        """Put records with keys that spread over all shards, and write down which shard took each."""
        payloads = [f"{self.name}-{next(self._numbers)}" for _ in range(records)]
        entries = [{"Data": payload.encode(), "PartitionKey": secrets.token_hex(4)} for payload in payloads]
        answers = self.kinesis.put_records(StreamName=self.name, Records=entries)["Records"]
        for payload, answer in zip(payloads, answers, strict=True):
            self.journal.setdefault(answer["ShardId"], []).append(payload)

    def split(self, shard_id: str) -> None:
        """Split a shard in the middle of its hash keys."""
        keys = self._open()[shard_id]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        self.kinesis.split_shard(StreamName=self.name, ShardToSplit=shard_id, NewStartingHashKey=str(middle))
        self._settle()

    def merge(self, shard_id: str, other: str) -> None:
        """Merge two neighbours."""
        self.kinesis.merge_shards(StreamName=self.name, ShardToMerge=shard_id, AdjacentShardToMerge=other)
        self._settle()

    def open_shards(self) -> list[str]:
        """Return the shards that take records, in the order of their hash keys."""
        keys = self._open()
        return sorted(keys, key=lambda shard_id: int(keys[shard_id]["StartingHashKey"]))

    def drain(self, max_records: int = 20_000) -> DrainReport:
        """Do one run."""
        source = ShardSource("logs", self.name, self.reader, utc_now, time.sleep)
        return drain(source, self.store, self.ledger, DrainRequest("run", BufferHints(max_records=max_records)))

    def drain_to_the_tip(self, max_records: int = 20_000) -> int:
        """Do runs until all that the stream holds is drained; return how many that took."""
        runs = 0

        def drained() -> bool:
            nonlocal runs
            runs += 1
            return not self.drain(max_records).batches and self.lanes() == sorted(self.open_shards())

        eventually(drained, DEADLINE_S, self.lanes, poll_s=0.02)
        return runs - 1

    def lanes(self) -> list[str]:
        """Return the shards that the next run reads side by side."""
        return [checkpoint.shard_id for checkpoint in readable(self.ledger.checkpoints("logs"))]

    def stored(self) -> dict[str, list[str]]:
        """Return what the raw objects that the ledger names hold, by shard, in the order of their commits."""
        held: dict[str, list[str]] = {}
        for shard_id, key in self._rows("select shard_id, raw_key from cali.micro_batches order by drained_at"):
            data = from_parquet(self.store.get(key)).column("data").to_pylist()
            held.setdefault(shard_id, []).extend(payload.decode() for payload in data)
        return held

    def prove(self) -> None:
        """Hold the objects against the journal: each record once, from its shard, in order; parents before children."""
        assert Counter(self._flat(self.stored().values())) == Counter(self._flat(self.journal.values()))
        assert self.stored() == self.journal
        assert (
            self._rows(
                "select parent.batch_id, child.batch_id from cali.micro_batches as child "
                "join cali.shard_checkpoints as held using (stream, shard_id) "
                "join cali.micro_batches as parent on parent.shard_id = any(held.parent_shard_ids) "
                "where parent.drained_at >= child.drained_at"
            )
            == []
        )
        assert self.ledger.gaps("logs") == []

    def prove_shards(self) -> None:
        """Hold the checkpoints against the stream: those that take records are open and lanes, all others closed."""
        checkpoints = self.ledger.checkpoints("logs")
        assert checkpoints.keys() == {shard.shard_id for shard in self.reader.shards(self.name)}
        assert self.lanes() == sorted(self.open_shards())
        assert {shard_id for shard_id, held in checkpoints.items() if not held.closed} == set(self.open_shards())

    def _open(self) -> dict[str, dict[str, str]]:
        shards = self.kinesis.list_shards(StreamName=self.name)["Shards"]
        return {
            shard["ShardId"]: shard["HashKeyRange"]
            for shard in shards
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        }

    def _settle(self) -> None:
        def status() -> str:
            answer = self.kinesis.describe_stream_summary(StreamName=self.name)
            return str(answer["StreamDescriptionSummary"]["StreamStatus"])

        eventually(lambda: status() == "ACTIVE", DEADLINE_S, status, poll_s=0.02)

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement.encode()).fetchall()

    def _flat(self, lists: Iterable[list[str]]) -> list[str]:
        return [item for items in lists for item in items]
