"""What goes wrong between a drain and Kinesis, on the wire: each record is drained once all the same."""

import base64
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import boto3
import psycopg
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from include.adapters.get_records import stream_records
from include.adapters.kinesis import BotoStreamReader
from include.drain import read_shard
from include.errors import TransientError
from tests.real_stream import RealStream

pytestmark = pytest.mark.integration

PAGE = 4
"""Records a page, so that a fault meets a run that has read some already."""
Fault = Callable[[AWSPreparedRequest], AWSResponse | None]


class Body:
    """What botocore reads an answer from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._data


def answer(status: int, body: bytes) -> Fault:
    """Return a fault that answers in Kinesis' place."""
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return lambda request: AWSResponse(request.url, status, headers, Body(body))


def refusal(code: str, status: int = 400) -> Fault:
    """Return Kinesis' refusal of that name."""
    return answer(status, json.dumps({"__type": code, "message": "injected"}).encode())


def elsewhere(port: int) -> Fault:
    """Return a fault that sends the request to another server of this machine."""

    def send(request: AWSPreparedRequest) -> None:
        request.url = f"http://127.0.0.1:{port}/"

    return send


def time_out(request: AWSPreparedRequest) -> None:
    """Fail as a client does whose patience is over."""
    raise ReadTimeoutError(endpoint_url=request.url)


@pytest.fixture
def breaking_off() -> Iterator[int]:
    """Yield the port of a server that promises more than it sends."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with server.accept()[0] as connection:
                        connection.recv(65_536)
                        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"Records": [')

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        # Closing alone does not wake an accept.
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


@pytest.fixture
def world(
    kinesis_server: Any, kinesis_client: Any, s3_client: Any, migrated_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[RealStream, deque[Fault | None]]]:
    """Yield a stream with records, whose drain meets the given faults, one a GetRecords; None is none."""
    monkeypatch.setattr(read_shard, "PAGE_LIMIT", PAGE)
    monkeypatch.setattr(read_shard.random, "uniform", lambda low, _: low)
    config = Config(retries={"max_attempts": 0})
    faults: deque[Fault | None] = deque()

    def inject(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        fault = faults.popleft() if faults else None
        return fault(request) if fault else None

    client = boto3.client(
        "kinesis",
        endpoint_url=kinesis_server.address,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test-secret",
        config=config,
    )
    client.meta.events.register("before-send.kinesis.GetRecords", inject)
    with closing(client), closing(psycopg.connect(migrated_uri, autocommit=True)) as connection:
        stream = RealStream(kinesis_client, s3_client, connection)
        stream.put(3 * PAGE)
        stream.reader = BotoStreamReader(client)
        yield stream, faults
        stream.close()


@pytest.mark.parametrize("pages", [0, 2])
@pytest.mark.parametrize(
    "fault",
    [
        refusal("ProvisionedThroughputExceededException"),
        refusal("ExpiredIteratorException"),
    ],
    ids=["throttled", "expired"],
)
def test_a_refusal_for_now_is_waited_out_in_the_same_run(
    world: tuple[RealStream, deque[Fault | None]], fault: Fault, pages: int
) -> None:
    """Protects against a consumer that dies of throttling, or of an iterator that its slow batch outlived.

    The new iterator stands behind the last record that was read: nothing is lost or read again.
    """
    stream, faults = world
    faults.extend([*[None] * pages, fault, fault])
    report = stream.drain()
    assert (report.records, list(faults)) == (3 * PAGE, [])
    stream.prove()


@pytest.mark.parametrize("fault", ["500", "truncated JSON", "broken off", "time-out", "refused"])
def test_an_answer_that_fails_moves_nothing_and_the_next_run_reads_all(
    world: tuple[RealStream, deque[Fault | None]],
    fault: str,
    breaking_off: int,
    free_port: Callable[[], int],
) -> None:
    """Protects against a page that counts as empty because its answer was none."""
    kinds = {
        "500": refusal("InternalFailure", 500),
        "truncated JSON": answer(200, b'{"MillisBehindLatest": 0, "NextShardIterator": "x", "Records": ['),
        "broken off": elsewhere(breaking_off),
        "time-out": time_out,
        "refused": elsewhere(free_port()),
    }
    stream, faults = world
    faults.extend([None, kinds[fault]])
    with pytest.raises(TransientError):
        stream.drain()
    assert (list(faults), stream.stored()) == ([], {})
    assert stream.drain().records == 3 * PAGE
    stream.prove()


def test_empty_pages_before_the_tip_are_not_the_end(world: tuple[RealStream, deque[Fault | None]]) -> None:
    """Protects against twenty empty pages that are taken for the end: the lag says that there is more."""
    stream, faults = world
    (shard,) = stream.reader.shards(stream.name)
    on = stream.kinesis.get_shard_iterator(
        StreamName=stream.name, ShardId=shard.shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    body = {"Records": [], "NextShardIterator": on, "MillisBehindLatest": 1000}
    faults.extend([answer(200, json.dumps(body).encode())] * 20)
    assert stream.drain().records == 3 * PAGE
    stream.prove()


def test_a_last_page_with_records_and_no_iterator_is_kept(world: tuple[RealStream, deque[Fault | None]]) -> None:
    """Protects against a consumer that fails on, or drops, the page that ends a shard."""
    stream, faults = world
    (shard,) = stream.reader.shards(stream.name)
    stream.split(shard.shard_id)
    last: list[dict[str, Any]] = []

    def without_iterator(request: AWSPreparedRequest) -> AWSResponse:
        asked = json.loads(request.body)
        page = stream.kinesis.get_records(ShardIterator=asked["ShardIterator"], Limit=10_000)
        records = [
            {
                "SequenceNumber": record.sequence_number,
                "PartitionKey": record.partition_key,
                "ApproximateArrivalTimestamp": record.arrived_at.timestamp(),
                "Data": base64.b64encode(record.data).decode(),
            }
            for record in stream_records(page["Records"])
        ]
        last.append({"Records": records, "MillisBehindLatest": 0})
        return answer(200, json.dumps(last[-1]).encode())(request)

    faults.append(without_iterator)
    report = stream.drain()
    assert (len(last), report.records, report.closed_shards) == (1, 3 * PAGE, [shard.shard_id])
    stream.prove()
