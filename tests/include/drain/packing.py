"""What producers do to events before they put them: written by hand from the formats' descriptions, for tests."""

import gzip
import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import md5

import pyarrow as pa

from include.records import StreamRecord

NOW = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)
KPL_MAGIC = bytes.fromhex("f3899ac2")


def gzipped(data: bytes, level: int = 9) -> bytes:
    """Return the data as gzip; its header would have the time in it, and no test may depend on that."""
    return gzip.compress(data, level, mtime=0)


def record(data: bytes, number: int = 0, partition_key: str = "stream-key") -> StreamRecord:
    """Return a stream record."""
    return StreamRecord(str(number), partition_key, NOW, data)


def varint(number: int) -> bytes:
    """Return protobuf's base-128 number: seven bits a byte, the lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def number_field(field: int, value: int) -> bytes:
    """Return a protobuf field of wire type 0."""
    return varint(field << 3) + varint(value)


def bytes_field(field: int, value: bytes) -> bytes:
    """Return a protobuf field of wire type 2."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def user_record(key_index: int, data: bytes, hash_key_index: int | None = None) -> bytes:
    """Return one entry of an aggregate's records."""
    hash_key = b"" if hash_key_index is None else number_field(2, hash_key_index)
    return bytes_field(3, number_field(1, key_index) + hash_key + bytes_field(3, data))


def sealed(body: bytes) -> bytes:
    """Return an aggregate with this message and the checksum that fits it."""
    return KPL_MAGIC + body + md5(body, usedforsecurity=False).digest()


def aggregate(events: Sequence[bytes], keys: Sequence[str] = ("user-key",)) -> bytes:
    """Return the KPL's aggregate of the events; their partition keys go round."""
    table = b"".join(bytes_field(1, key.encode()) for key in keys)
    return sealed(table + b"".join(user_record(number % len(keys), event) for number, event in enumerate(events)))


def zstd(data: bytes) -> bytes:
    """Return the data as one zstd frame."""
    return pa.compress(data, codec="zstd", asbytes=True)


def cloudwatch(messages: Sequence[object], message_type: str = "DATA_MESSAGE") -> bytes:
    """Return CloudWatch Logs' envelope, before the compression that it comes with."""
    return json.dumps(
        {
            "messageType": message_type,
            "owner": "123456789012",
            "logGroup": "shop",
            "logStream": "cart",
            "subscriptionFilters": ["all"],
            "logEvents": [
                {"id": str(number), "timestamp": 1772323140000, "message": message}
                for number, message in enumerate(messages)
            ],
        }
    ).encode()


COMPRESSIONS = {"gzip": gzipped, "zlib": zlib.compress, "zstd": zstd}
