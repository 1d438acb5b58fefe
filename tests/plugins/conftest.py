"""What the tests of Airflow's side share: real servers that Connections from the environment lead to."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.plugins import airflow_home

airflow_home.enter()

from include.adapters.kinesis import BotoStreamReader  # noqa: E402 - Airflow's home comes first
from include.ledger.postgres import PostgresLedger  # noqa: E402
from include.records import Shard, utc_now  # noqa: E402

DEADLINE_S = 100


@dataclass
class Servers:
    """A Kinesis stream of one shard, a bucket and CALI's tables, all of them new; the Connections name them."""

    kinesis: Any
    s3: Any
    connection: psycopg.Connection
    kinesis_stream: str
    bucket: str

    @property
    def ledger(self) -> PostgresLedger:
        return PostgresLedger(self.connection)

    @property
    def reader(self) -> BotoStreamReader:
        return BotoStreamReader(self.kinesis)

    def put(self, *payloads: bytes, key: str = "key") -> None:
        for payload in payloads:
            self.kinesis.put_record(StreamName=self.kinesis_stream, Data=payload, PartitionKey=key)

    def split(self) -> Shard:
        """Split the first shard and return it."""
        shard = self.reader.shards(self.kinesis_stream)[0]
        self.kinesis.split_shard(
            StreamName=self.kinesis_stream, ShardToSplit=shard.shard_id, NewStartingHashKey=str(2**127)
        )
        self.wait_until_active()
        return shard

    def merge(self) -> None:
        """Merge the two halves of the first shard."""
        halves = [shard.shard_id for shard in self.reader.shards(self.kinesis_stream)[1:3]]
        self.kinesis.merge_shards(
            StreamName=self.kinesis_stream, ShardToMerge=halves[0], AdjacentShardToMerge=halves[1]
        )
        self.wait_until_active()

    def recreate(self) -> None:
        """Delete the stream and make one of the same name."""
        self.kinesis.delete_stream(StreamName=self.kinesis_stream)
        deadline = time.monotonic() + DEADLINE_S
        # Sequence numbers begin with the second in which their stream was made.
        later = time.time() + 1.1
        while self.kinesis_stream in self.kinesis.list_streams()["StreamNames"] or time.time() < later:
            assert time.monotonic() < deadline, "the emulator did not finish"
            time.sleep(0.02)
        self.kinesis.create_stream(StreamName=self.kinesis_stream, ShardCount=1)
        self.wait_until_active()

    def register(self) -> None:
        """Let the ledger know the stream's shards, as a first drain does."""
        self.ledger.register("logs", self.reader.shards(self.kinesis_stream), None, utc_now())

    def age_stages(self, seconds: int = 60) -> None:
        """Let every open stage have waited so long."""
        self.connection.execute(
            "update cali.batch_stages set next_attempt_at = next_attempt_at - make_interval(secs => %s)", [seconds]
        )

    def keys(self, room: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{room}/").get("Contents", ())
        return [entry["Key"] for entry in listed]

    def wait_until_active(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while self._status() != "ACTIVE":
            assert time.monotonic() < deadline, "the emulator did not finish"
            time.sleep(0.02)

    def _status(self) -> str:
        answer = self.kinesis.describe_stream_summary(StreamName=self.kinesis_stream)
        return str(answer["StreamDescriptionSummary"]["StreamStatus"])


@pytest.fixture
def aws_connection(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that defines `aws_default` with the endpoints of Kinesis and S3."""
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")

    def define(kinesis: str, s3: str) -> None:
        extra = {
            "region_name": "eu-central-1",
            "service_config": {"kinesis": {"endpoint_url": kinesis}, "s3": {"endpoint_url": s3}},
        }
        aws = {"conn_type": "aws", "login": "test", "password": "test-secret", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws))

    return define


@pytest.fixture(scope="session")
def airflow_tables(postgres_server: Any) -> str:
    """Return the URI of a database with Airflow's own tables, as its models define them."""
    import sqlalchemy
    from airflow.models import import_all_models  # noqa: TID251 - its tables are what is asked for
    from airflow.models.base import Base  # noqa: TID251

    name = "airflow_metadata"
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
    uri = str(postgres_server.uri(name))
    import_all_models()
    engine = sqlalchemy.create_engine(uri.replace("postgresql://", "postgresql+psycopg2://"))
    Base.metadata.create_all(engine)
    engine.dispose()
    return uri


@pytest.fixture
def servers(
    kinesis_server: Any,
    kinesis_client: Any,
    s3_server: Any,
    s3_client: Any,
    migrated_uri: str,
    aws_connection: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Servers]:
    """Yield a world that the stream `logs` lives in."""
    name = f"drained-{secrets.token_hex(4)}"
    s3_client.create_bucket(Bucket=name)
    kinesis_client.create_stream(StreamName=name, ShardCount=1)
    aws_connection(kinesis_server.address, s3_server.address)
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", migrated_uri.replace("postgresql://", "postgres://"))
    monkeypatch.setenv("CALI_LOGS_KINESIS_STREAM", name)
    monkeypatch.setenv("CALI_LOGS_BUCKET", name)
    monkeypatch.setenv("CALI_LOGS_PACE", "low_latency")
    with closing(psycopg.connect(migrated_uri, autocommit=True)) as connection:
        world = Servers(kinesis_client, s3_client, connection, name, name)
        world.wait_until_active()
        yield world
    kinesis_client.delete_stream(StreamName=name)
