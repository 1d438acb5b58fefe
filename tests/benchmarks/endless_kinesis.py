"""A Kinesis of one shard that makes its records up, so that a backlog may be longer than any emulator could hold.

It knows what a consumer asks: ListShards, DescribeStreamSummary, GetShardIterator and GetRecords. An iterator is the
number of the next record. A page's body is ready but for its sequence numbers, which are put in as it is asked for.
"""

import json
import multiprocessing
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

from include.errors import TransientError
from local.servers.aws import Credentials
from tests.benchmarks.servers import simulated_records

PAGE = 10_000
"""Records that GetRecords answers with: the most that Kinesis gives."""
PAGES = 5
"""Different pages, which come again and again."""
SHARD = "shardId-000000000000"
NUMBER = b"@@@@@@@@@@"
"""Where a page's number goes in its body: ten digits."""
START_S = 600.0
ANYBODY = Credentials("bench", "bench")
"""It asks nobody who they are."""


@contextmanager
def endless_kinesis(kind: str, records: int) -> Iterator[str]:
    """Serve a backlog of so many of the simulator's records of that kind from a process of its own; yield its address.

    Every stream's name is this one's. ``records`` is rounded up to whole pages.

    Raises:
        TransientError: it did not start.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, kind, -(-records // PAGE)), daemon=True)
    process.start()
    try:
        if not here.poll(START_S):
            raise TransientError(f"the stand-in for Kinesis did not start within {START_S:.0f} s")
        yield here.recv()
    finally:
        process.kill()
        process.join()


def _serve(ready: Any, kind: str, pages: int) -> None:
    made = simulated_records(kind)
    bodies = [_body(list(islice(made, PAGE))) for _ in range(min(PAGES, pages))]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = answers[self.headers["X-Amz-Target"].rpartition(".")[2]](asked)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def iterator(asked: dict[str, Any]) -> bytes:
        after = asked.get("StartingSequenceNumber")
        return json.dumps({"ShardIterator": str(_page_and_index(after) if after else 0)}).encode()

    def records(asked: dict[str, Any]) -> bytes:
        page = int(asked["ShardIterator"])
        rest = b'],"NextShardIterator":"%d","MillisBehindLatest":%d}'
        if page >= pages:
            return b'{"Records":[' + rest % (page, 0)
        here = bodies[page % len(bodies)].replace(NUMBER, b"%010d" % page)
        return here + rest % (page + 1, 1000 * (pages - page - 1))

    answers = {
        "ListShards": lambda _: json.dumps(
            {"Shards": [{"ShardId": SHARD, "SequenceNumberRange": {"StartingSequenceNumber": _sequence(b"0" * 10, 0)}}]}
        ).encode(),
        "DescribeStreamSummary": lambda _: b'{"StreamDescriptionSummary":{"RetentionPeriodHours":24}}',
        "GetShardIterator": iterator,
        "GetRecords": records,
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ready.send(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()


def _sequence(page: bytes, index: int) -> str:
    return f"4{page.decode()}{index:05}"


def _page_and_index(sequence: str) -> int:
    """Return the page behind a page's last record: consumers here take whole pages."""
    return int(sequence[1:11]) + 1


def _body(records: Sequence[bytes]) -> bytes:
    """Return a page's answer up to the end of its last record."""
    now = time.time()
    entries = (
        json.dumps(
            {
                "ApproximateArrivalTimestamp": now,
                "Data": b64encode(data).decode(),
                "PartitionKey": f"{index:x}",
                "SequenceNumber": _sequence(NUMBER, index),
            }
        )
        for index, data in enumerate(records)
    )
    return b'{"Records":[' + ",".join(entries).encode()
