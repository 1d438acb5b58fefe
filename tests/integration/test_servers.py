"""The embedded servers themselves: they start, answer, keep what they promise to keep, and hide from the network."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest

from include.adapters.get_records import stream_records
from include.errors import TransientError
from local.servers.aws import client
from local.servers.kinesis import Kinesalite, KinesisLocal
from local.servers.object_store import ObjectStore
from local.servers.postgres import PostgresServer
from local.servers.server import Server, running, wait_until_healthy
from local.servers.slack import CHANNELS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from slack_sdk import WebClient

pytestmark = pytest.mark.integration

SERVERS = ["postgres_server", "kinesis_server", "kinesalite_server", "s3_server", "slack_server"]


def _listening_addresses(port: int) -> set[str]:
    sockets = psutil.net_connections(kind="tcp")
    return {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN and s.laddr.port == port}


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _connected(server: KinesisLocal) -> AbstractContextManager[Any]:
    return closing(client("kinesis", server.address, server.credentials))


def _stream_is_active(kinesis: Any, name: str) -> None:
    deadline = time.monotonic() + 60
    while kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        assert time.monotonic() < deadline, f"{name} did not become active"
        time.sleep(0.05)


def _read_all(kinesis: Any, stream: str) -> list[bytes]:
    shards = [shard["ShardId"] for shard in kinesis.list_shards(StreamName=stream)["Shards"]]
    at_start = {"StreamName": stream, "ShardIteratorType": "TRIM_HORIZON"}
    iterators = [kinesis.get_shard_iterator(ShardId=shard, **at_start)["ShardIterator"] for shard in shards]
    pages = [kinesis.get_records(ShardIterator=iterator)["Records"] for iterator in iterators]
    return [record.data for page in pages for record in stream_records(page)]


@pytest.mark.parametrize("fixture", SERVERS)
def test_a_started_server_answers_a_question_of_its_protocol(fixture: str, request: pytest.FixtureRequest) -> None:
    """Each server's own health check gets a real answer."""
    assert request.getfixturevalue(fixture).problem() is None


@pytest.mark.parametrize("fixture", SERVERS)
def test_a_server_listens_on_loopback_only(fixture: str, request: pytest.FixtureRequest) -> None:
    """Nobody but this machine can reach any of the servers."""
    assert _listening_addresses(request.getfixturevalue(fixture).port) == {"127.0.0.1"}


def test_every_listener_of_kinesis_local_is_on_loopback(
    tmp_path: Path, free_port: Callable[[], int], kinesis_server: KinesisLocal
) -> None:
    """Its TLS port, which nobody uses, is as hidden as its plain one."""
    server = KinesisLocal(tmp_path, free_port(), kinesis_server.credentials)
    with running(server, tmp_path / "log") as process:
        sockets = psutil.Process(process.pid).net_connections(kind="tcp")
        listeners = [s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN]
    assert listeners == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize("fixture", SERVERS)
def test_a_servers_command_line_and_repr_hold_no_secret(fixture: str, request: pytest.FixtureRequest) -> None:
    """What `ps` and a log line can show does not let anybody in."""
    server = request.getfixturevalue(fixture)
    known = {getattr(server, "password", None), getattr(server, "token", None)}
    known.add(server.credentials.secret if hasattr(server, "credentials") else None)
    shown = " ".join(server.command) + repr(server) + server.address
    assert [secret for secret in known if secret and secret in shown] == []


def test_each_test_gets_an_empty_database_of_its_own(postgres_uri: str, postgres_server: PostgresServer) -> None:
    """`postgres_uri` is neither the superuser's database nor one with tables in it."""
    with psycopg.connect(postgres_uri) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert (tables, postgres_uri != postgres_server.uri()) == ((0,), True)


def test_postgres_refuses_a_wrong_password(postgres_server: PostgresServer) -> None:
    """Another user of the machine does not get in by knowing the port."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.uri(password="wrong"))


def test_postgres_keeps_committed_rows_through_a_kill(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """A commit that was answered survives SIGKILL."""
    server = PostgresServer(tmp_path, free_port(), "secret")
    with running(server, tmp_path / "log") as process:
        with psycopg.connect(server.uri()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
        _kill(process)
    with running(server, tmp_path / "log"), psycopg.connect(server.uri()) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)


def test_s3_keeps_acknowledged_objects_through_a_kill(
    tmp_path: Path, free_port: Callable[[], int], s3_server: ObjectStore
) -> None:
    """A put that was answered survives SIGKILL, byte for byte."""
    server = ObjectStore(tmp_path, free_port(), s3_server.credentials)
    with running(server, tmp_path / "log") as process:
        s3 = client("s3", server.address, server.credentials)
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="a/b", Body=b"\x00bytes\xff")
        _kill(process)
    with running(server, tmp_path / "log"):
        assert s3.get_object(Bucket="kept", Key="a/b")["Body"].read() == b"\x00bytes\xff"


def test_s3_refuses_a_wrong_key(s3_server: ObjectStore) -> None:
    """The access key is checked."""
    wrong = ObjectStore(s3_server.folder, s3_server.port, type(s3_server.credentials)("test", "wrong"))
    assert "SignatureDoesNotMatch" in str(wrong.problem())


def test_kinesalite_keeps_records_through_a_kill(
    tmp_path: Path, free_port: Callable[[], int], kinesalite_server: Kinesalite
) -> None:
    """A record that was answered survives SIGKILL."""
    server = Kinesalite(tmp_path, free_port(), kinesalite_server.credentials)
    kinesis = client("kinesis", server.address, server.credentials)
    with running(server, tmp_path / "log") as process:
        kinesis.create_stream(StreamName="kept", ShardCount=2)
        _stream_is_active(kinesis, "kept")
        kinesis.put_record(StreamName="kept", Data=b"\x00\xff", PartitionKey="a")
        _kill(process)
    with running(server, tmp_path / "log"):
        assert _read_all(kinesis, "kept") == [b"\x00\xff"]


def test_kinesis_local_keeps_records_through_a_stop_in_good_order(
    tmp_path: Path, free_port: Callable[[], int], kinesis_server: KinesisLocal
) -> None:
    """It writes its state when it is asked to end, and goes on from there."""
    server = KinesisLocal(tmp_path, free_port(), kinesis_server.credentials, streams=("logs",))
    with running(server, tmp_path / "log"), _connected(server) as kinesis:
        _stream_is_active(kinesis, "logs")
        kinesis.put_record(StreamName="logs", Data=b"\x00\xff", PartitionKey="a")
    with running(server, tmp_path / "log"), _connected(server) as kinesis:
        assert _read_all(kinesis, "logs") == [b"\x00\xff"]


def test_kinesis_local_has_its_streams_again_after_a_kill(
    tmp_path: Path, free_port: Callable[[], int], kinesis_server: KinesisLocal
) -> None:
    """It forgets the records, but nobody has to create the stream anew."""
    server = KinesisLocal(tmp_path, free_port(), kinesis_server.credentials, streams=("logs",))
    with running(server, tmp_path / "log") as process, _connected(server) as kinesis:
        _stream_is_active(kinesis, "logs")
        _kill(process)
    with running(server, tmp_path / "log"), _connected(server) as kinesis:
        _stream_is_active(kinesis, "logs")
        assert len(kinesis.list_shards(StreamName="logs")["Shards"]) == 2


def test_kinesis_local_starts_on_a_state_that_a_kill_left_half_written(
    tmp_path: Path, free_port: Callable[[], int], kinesis_server: KinesisLocal
) -> None:
    """The broken file is put aside and the server answers."""
    (tmp_path / "kinesis-data.json").write_text('{"streams": {"lo')
    server = KinesisLocal(tmp_path, free_port(), kinesis_server.credentials)
    with running(server, tmp_path / "log"):
        assert (tmp_path / "kinesis-data.broken").is_file()


def test_slack_delivers_to_the_channels_and_edits_in_place(slack_client: WebClient) -> None:
    """The seeded channels take a message, and an update changes that same message."""
    listed = {channel["name"]: channel["id"] for channel in slack_client.conversations_list()["channels"]}
    posted = slack_client.chat_postMessage(channel=listed["cali-alerts"], text="first")
    slack_client.chat_update(channel=posted["channel"], ts=posted["ts"], text="second")
    history = slack_client.conversations_history(channel=listed["cali-alerts"])["messages"]
    # Other tests may have posted to this workspace; a time stamp names one message.
    texts = [message["text"] for message in history if message["ts"] == posted["ts"]]
    assert (set(CHANNELS) - set(listed), texts) == (set(), ["second"])


def test_a_server_that_ends_at_once_is_reported_by_name(tmp_path: Path, s3_server: ObjectStore) -> None:
    """Waiting stops when there is nobody left to answer, and says who that was."""
    unreachable: Server = ObjectStore(tmp_path, 1, s3_server.credentials)
    with pytest.raises(TransientError, match="s3 ended before it answered"):
        wait_until_healthy(unreachable, still_running=lambda: False)
