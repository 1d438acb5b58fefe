"""Bodies read in one piece are the ones that botocore reads, and so is what goes wrong on the way."""

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from include.adapters.whole_body import read_bodies_whole

SHARDS = b'{"Shards": [{"ShardId": "%s"}]}' % (b"s" * 300_000)
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(SHARDS)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECES = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (SHARDS[:7], SHARDS[7:100_000], SHARDS[100_000:])]


class Server:
    """Answers each request with the same bytes, and counts the connections that it took."""

    def __init__(self) -> None:
        self.answer = b""
        self.connections = 0
        self.hang_up = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            while request := lines.readline():
                assert request.startswith(b"POST")
                headers = dict(line.lower().split(b": ") for line in iter(lines.readline, b"\r\n"))
                lines.read(int(headers[b"content-length"]))
                connection.sendall(self.answer)
                if self.hang_up:
                    return


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a server on a free port."""
    with closing(Server()) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """Yield a client of the server that reads bodies whole and tries once."""
    made = boto3.client(
        "kinesis",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="eu-central-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=0.5),
    )
    read_bodies_whole(made)
    with closing(made):
        yield made


@pytest.mark.parametrize("answer", [LENGTH + SHARDS, CHUNKED + b"".join(PIECES) + b"0\r\n\r\n"])
def test_a_body_arrives_whole_and_leaves_its_connection_for_the_next(
    server: Server, client: Any, answer: bytes
) -> None:
    """With a length, or in chunks; asked for once more, it comes over the same connection."""
    server.answer = answer
    for _ in range(3):
        assert client.list_shards(StreamName="logs")["Shards"] == [{"ShardId": "s" * 300_000}]
    assert server.connections == 1


@pytest.mark.parametrize("answer", [LENGTH + SHARDS[:-1], CHUNKED + b"".join(PIECES[:-1])])
def test_a_body_that_breaks_off_is_a_closed_connection(server: Server, client: Any, answer: bytes) -> None:
    """A part of an answer is never taken for the answer."""
    server.answer, server.hang_up = answer, True
    with pytest.raises(ConnectionClosedError):
        client.list_shards(StreamName="logs")


def test_a_body_that_does_not_come_is_a_timeout(server: Server, client: Any) -> None:
    """The client's own patience holds while a body is read."""
    server.answer = LENGTH + SHARDS[:-1]
    with pytest.raises(ReadTimeoutError):
        client.list_shards(StreamName="logs")


def test_a_client_is_changed_once(client: Any) -> None:
    """Each reader of a client asks for it anew."""
    session = client._endpoint.http_session
    read_bodies_whole(client)
    assert client._endpoint.http_session is session
