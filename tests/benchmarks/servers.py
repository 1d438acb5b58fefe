"""The emulators that a benchmark reads from and writes to, and the records that it puts there."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from include.errors import TransientError
from include.simulator.record import VALID, GeneratorOptions
from include.simulator.registry import simulation
from local.servers.aws import Credentials, client
from local.servers.kinesis import Kinesalite
from local.servers.node import install_packages
from local.servers.object_store import ObjectStore
from local.servers.server import running
from tests.crash.site import free_ports

BUCKET = "cali"
MALFORMED_RATE = 0.01
LARGEST_MALFORMED = 1200
PUT_AT_ONCE = 500
ACTIVE_S = 30.0
SIZES = {"logs": (600, "log_content"), "transactions": (300, "merchant")}
"""How many bytes a stream's valid records have, and which text of theirs is cut or repeated for it.

Records of any other stream are as its simulator makes them.
"""


@dataclass(frozen=True, slots=True)
class FilledStream:
    """A stream with records in it: its name in Kinesis, and the bytes of the mean record."""

    name: str
    record_bytes: float


@dataclass(frozen=True, slots=True)
class Emulators:
    """Kinesis and S3 on this machine."""

    kinesis: Kinesalite
    s3: ObjectStore

    def client(self, service: str) -> Any:
        """Return a new boto3 client of ``kinesis`` or ``s3``."""
        server = self.kinesis if service == "kinesis" else self.s3
        # kinesalite looks for 10,000 records of one of sixteen shards among those of all.
        return client(service, server.address, server.credentials, patient=True)


@contextmanager
def emulators(folder: Path) -> Iterator[Emulators]:
    """Run both servers on free ports, with their data in ``folder`` and an empty bucket, for a ``with`` block.

    Raises:
        TransientError: one of them did not start.
    """
    install_packages()
    ports, credentials = free_ports(2), Credentials("bench", secrets.token_hex(8))
    kinesis = Kinesalite(folder / "kinesis", ports[0], credentials)
    s3 = ObjectStore(folder / "s3", ports[1], credentials)
    with running(kinesis, folder / "kinesis.log"), running(s3, folder / "s3.log"):
        both = Emulators(kinesis, s3)
        with closing(both.client("s3")) as bucket:
            bucket.create_bucket(Bucket=BUCKET)
        yield both


@contextmanager
def filled_stream(servers: Emulators, kind: str, records: int, shards: int) -> Iterator[FilledStream]:
    """Yield a stream that holds so many of the simulator's records of that kind; it is deleted at the end.

    Raises:
        TransientError: Kinesis did not take them.
    """
    name = f"bench-{secrets.token_hex(4)}"
    with closing(servers.client("kinesis")) as kinesis:
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        _wait_until_active(kinesis, name)
        made, total = simulated_records(kind), 0
        for start in range(0, records, PUT_AT_ONCE):
            batch = list(islice(made, min(PUT_AT_ONCE, records - start)))
            entries = [{"Data": data, "PartitionKey": secrets.token_hex(8)} for data in batch]
            if kinesis.put_records(StreamName=name, Records=entries)["FailedRecordCount"]:
                raise TransientError(f"stream {name} refused records")
            total += sum(map(len, batch))
        yield FilledStream(name, total / records)
        kinesis.delete_stream(StreamName=name)


def simulated_records(kind: str, seed: int = 1) -> Iterator[bytes]:
    """Yield the simulator's records, valid ones in the size of their kind, and among them malformed ones of any."""
    generator = simulation(kind).generator(GeneratorOptions(seed, malformed_rate=MALFORMED_RATE))
    generator.records(1, datetime.now(UTC) - timedelta(seconds=10))
    while True:
        for record in generator.records(PUT_AT_ONCE, datetime.now(UTC)):
            if record.kind == VALID:
                data = sized(record.data, *SIZES[kind]) if kind in SIZES else record.data
                if data is not None:
                    yield data
            elif len(record.data) < LARGEST_MALFORMED:
                yield record.data


def sized(event: bytes, size: int, text: str) -> bytes | None:
    """Return the event with its text cut, or repeated, to have that size; None where the rest alone is more."""
    fields = json.loads(event)
    written, fields[text] = fields[text], ""
    left = size - len(_dumped(fields))
    # Only what JSON writes as it is has as many bytes as characters.
    plain = "".join(letter for letter in written if letter.isascii() and letter.isprintable() and letter not in '"\\')
    if left < 1 or not plain:
        return None
    fields[text] = (plain * (left // len(plain) + 1))[:left]
    return _dumped(fields)


def _wait_until_active(kinesis: Any, name: str) -> None:
    deadline = time.monotonic() + ACTIVE_S
    while kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        if time.monotonic() > deadline:
            raise TransientError(f"stream {name} did not become active in {ACTIVE_S:.0f} s")
        time.sleep(0.05)


def _dumped(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
