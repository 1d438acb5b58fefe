"""The simulator against a real endpoint: the journal is what the stream holds."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from include.adapters.get_records import stream_records
from include.simulator.journal import JournalEntry, read
from include.streams.logs.model import LogEvent
from local.servers.aws import Credentials, client
from local.servers.kinesis import KinesisLocal
from local.servers.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
Stored = dict[tuple[str, str], str]


def started(server: KinesisLocal, journal: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the command with its surroundings in the environment, as users do."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_KINESIS": server.address,
        "AWS_REGION": server.credentials.region,
        "AWS_DEFAULT_REGION": server.credentials.region,
        "AWS_ACCESS_KEY_ID": server.credentials.key,
        "AWS_SECRET_ACCESS_KEY": server.credentials.secret,
    }
    command = [sys.executable, "-m", "include.simulator", "--journal", str(journal), *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def pages(kinesis: Any, stream: str, shard_id: str) -> Iterator[list[dict[str, Any]]]:
    """The records of a shard from its beginning to its tip."""
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")
    after: str | None = iterator["ShardIterator"]
    while after:
        page = kinesis.get_records(ShardIterator=after, Limit=1_000)
        yield page["Records"]
        after = page["NextShardIterator"] if page["Records"] or page["MillisBehindLatest"] else None


def stored(kinesis: Any, stream: str) -> tuple[Stored, list[bytes]]:
    """What the stream holds: hashes by shard and sequence number, and the data."""
    hashes: Stored = {}
    data: list[bytes] = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        for records in pages(kinesis, stream, shard["ShardId"]):
            for record in stream_records(records):
                hashes[shard["ShardId"], record.sequence_number] = sha256(record.data).hexdigest()
                data.append(record.data)
    return hashes, data


def journaled(entries: list[JournalEntry]) -> Stored:
    """The journal in the form of what the stream holds."""
    return {(e.shard_id or "", e.sequence_number or ""): e.sha256 for e in entries}


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition, for some time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.05)


@pytest.fixture
def stream(kinesis_client: Any) -> Iterator[str]:
    """A stream of two shards, gone after the test."""
    name = f"simulated-{secrets.token_hex(4)}"
    kinesis_client.create_stream(StreamName=name, ShardCount=2)
    kinesis_client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    yield name
    kinesis_client.delete_stream(StreamName=name)


def test_the_journal_is_what_the_stream_holds(
    kinesis_server: KinesisLocal, kinesis_client: Any, stream: str, tmp_path: Path
) -> None:
    """Every record once, in its place, byte for byte; broken and oversized ones included."""
    journal = tmp_path / "journal.ndjson"
    mix = ["--count", "1500", "--rate", "500", "--malformed-rate", "0.3", "--seed", "3"]
    with started(kinesis_server, journal, "--kinesis-stream", stream, *mix) as process:
        _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    entries = list(read(journal))
    hashes, data = stored(kinesis_client, stream)
    assert len(entries) == 1_500
    assert not any(entry.uncertain for entry in entries)
    assert journaled(entries) == hashes
    assert max(len(one) for one in data) > 1_000_000
    assert {entry.shard_id for entry in entries} == {shard_id for shard_id, _ in hashes}
    assert len({shard_id for shard_id, _ in hashes}) == 2
    assert 0.2 < Counter(entry.kind for entry in entries)["valid"] / 1_500 < 0.8
    ids = {entry.sha256: entry.event_id for entry in entries if entry.kind == "valid"}
    for one in data:
        if (event_id := ids.get(sha256(one).hexdigest())) is not None:
            assert LogEvent.model_validate_json(one).event_id == event_id


def test_a_simulator_that_is_told_to_stop_leaves_a_whole_journal(
    kinesis_server: KinesisLocal, kinesis_client: Any, stream: str, tmp_path: Path
) -> None:
    """SIGTERM in the middle of a run: what was accepted is journaled, and the exit is clean."""
    journal = tmp_path / "journal.ndjson"
    with started(kinesis_server, journal, "--kinesis-stream", stream, "--rate", "300") as process:
        until(lambda: journal.exists() and journal.stat().st_size > 20_000)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(journal.read_bytes().splitlines()[-1])
    assert journaled(list(read(journal))) == stored(kinesis_client, stream)[0]


def test_a_simulator_waits_for_a_server_that_is_away(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Started first, it says what it waits for, and puts its records when the server comes."""
    journal = tmp_path / "journal.ndjson"
    server = KinesisLocal(tmp_path / "kinesis", free_port(), Credentials("test", "test-secret"), ("logs",))
    with started(server, journal, "--rate", "50", "--count", "100", "--seed", "3") as process:
        assert process.stderr is not None
        lines: list[bytes] = []
        while b"no connection, retrying: stream=logs" not in (line := process.stderr.readline()):
            assert line, b"".join(lines)
            lines.append(line)
        with running(server, tmp_path / "kinesis.log"):
            rest = process.stderr.read()
            assert process.wait(timeout=600) == 0, rest
            kinesis = client("kinesis", server.address, server.credentials)
            hashes, _ = stored(kinesis, "logs")
            kinesis.close()
    assert b"done: put=100 " in rest
    assert journaled(list(read(journal))) == hashes
    assert len(hashes) == 100
