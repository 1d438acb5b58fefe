"""The real servers that a crash test runs against, and what both sides need to talk to them."""

import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from include.errors import TransientError
from include.sql.migrate import upgrade
from local.servers.aws import Credentials, client
from local.servers.kinesis import Kinesalite, KinesisLocal
from local.servers.node import install_packages
from local.servers.object_store import ObjectStore
from local.servers.postgres import PostgresServer
from local.servers.server import LOOPBACK, Server, running
from local.servers.slack import SlackServer

BUCKET = "cali"
SHARDS = 2
ACTIVE_S = 30.0


@dataclass(frozen=True)
class SturdyKinesalite(Kinesalite):
    """Kinesalite that outlives clients which are killed in the middle of a request."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Have Node load what keeps it up."""
        return {"NODE_OPTIONS": f"--require={Path(__file__).with_name('outlive_clients.cjs')}"}


class Switch:
    """A server that can be switched off and on again, on the same port and with the same data."""

    def __init__(self, server: Server, log: Path) -> None:
        self.server = server
        self._log = log
        self._running = ExitStack()

    def on(self) -> None:
        """Start the server and return when it answers.

        Raises:
            TransientError: it did not answer in time.
        """
        self._process = self._running.enter_context(running(self.server, self._log))

    def off(self) -> None:
        """Stop the server in good order."""
        self._running.close()

    def kill(self) -> None:
        """End the server by SIGKILL."""
        self._process.kill()
        self._running.close()


class Clients(NamedTuple):
    """boto3's clients of one side."""

    kinesis: Any
    s3: Any


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything is.

    Both sides' clients are made before any fork and connect at their first call: no two processes share a connection.
    """

    folder: Path
    postgres_uri: str = field(repr=False)
    childrens: Clients
    parents: Clients
    switches: Mapping[str, Switch]
    slack_api: str
    slack_token: str = field(repr=False)
    bucket: str = BUCKET

    @property
    def log(self) -> Path:
        """The children's log."""
        return self.folder / "children.log"

    def journal(self, stream: str) -> Path:
        """The producer's journal of a stream."""
        return self.folder / f"{stream}.journal.ndjson"

    def create_stream(self, stream: str) -> None:
        """Create a Kinesis stream and return when records can be put.

        Raises:
            TransientError: it did not become active in time.
        """
        self.parents.kinesis.create_stream(StreamName=stream, ShardCount=SHARDS)
        deadline = time.monotonic() + ACTIVE_S
        while self._status(stream) != "ACTIVE":
            if time.monotonic() > deadline:
                raise TransientError(f"Stream {stream} did not become active within {ACTIVE_S:.0f} s")
            time.sleep(0.05)

    def _status(self, stream: str) -> str:
        answer = self.parents.kinesis.describe_stream_summary(StreamName=stream)
        return str(answer["StreamDescriptionSummary"]["StreamStatus"])


@contextmanager
def started_site(folder: Path, kinesis_server: type[Kinesalite | KinesisLocal] = SturdyKinesalite) -> Iterator[Site]:
    """Start the servers on free ports, with their data in ``folder``, for the length of a ``with`` block."""
    install_packages()
    credentials = Credentials("test", "test-secret")
    postgres_port, kinesis_port, s3_port, slack_port = free_ports(4)
    postgres = PostgresServer(folder / "postgres", postgres_port, secrets.token_hex(8))
    kinesis = kinesis_server(folder / "kinesis", kinesis_port, credentials)
    s3 = ObjectStore(folder / "s3", s3_port, credentials)
    slack = SlackServer(folder / "slack", slack_port, f"xoxb-{secrets.token_hex(8)}")
    with ExitStack() as stack:
        switches = {
            server.name: Switch(server, folder / f"{server.name}.log") for server in (postgres, kinesis, s3, slack)
        }
        for switch in switches.values():
            stack.callback(switch.off)
            switch.on()
        upgrade(postgres.uri())
        childrens, parents = (
            Clients(
                stack.enter_context(closing(client("kinesis", kinesis.address, credentials))),
                stack.enter_context(closing(client("s3", s3.address, credentials))),
            )
            for _ in range(2)
        )
        site = Site(folder, postgres.uri(), childrens, parents, switches, slack.api, slack.token)
        site.parents.s3.create_bucket(Bucket=site.bucket)
        yield site


def free_ports(count: int) -> Sequence[int]:
    """Return ports that nobody listened on a moment ago, each another."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
