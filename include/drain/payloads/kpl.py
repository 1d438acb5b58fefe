"""Read the Kinesis Producer Library's aggregates.

Source: ``aggregation-format.md`` of awslabs/amazon-kinesis-producer: four bytes of magic, the protobuf message
``AggregatedRecord``, and the MD5 of that message::

    message AggregatedRecord {
      repeated string partition_key_table     = 1;
      repeated string explicit_hash_key_table = 2;
      repeated Record records                 = 3;
    }
    message Record {
      required uint64 partition_key_index     = 1;
      optional uint64 explicit_hash_key_index = 2;
      required bytes  data                    = 3;
      repeated Tag    tags                    = 4;
    }
"""

from collections.abc import Iterator
from hashlib import md5
from typing import NamedTuple

from include.drain.payloads.undecodable import Reason, UndecodableError

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_SIZE = 16
PARTITION_KEYS, RECORDS = 1, 3
PARTITION_KEY_INDEX, DATA = 1, 3
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10


class UserRecord(NamedTuple):
    """One record that a producer handed to the KPL."""

    partition_key: str
    data: bytes


def user_records(aggregate: bytes, most: int) -> list[UserRecord]:
    """Return the user records of a payload that starts with ``MAGIC``, in order, all of them or none.

    Hash keys are not looked at: a record is ours because our shard delivered it, whichever shard its key points to.

    Raises:
        UndecodableError: the checksum or the message is wrong, there is no record, or more than ``most``.
    """
    body, digest = aggregate[len(MAGIC) : -DIGEST_SIZE], aggregate[-DIGEST_SIZE:]
    if len(aggregate) < len(MAGIC) + DIGEST_SIZE or md5(body, usedforsecurity=False).digest() != digest:
        raise UndecodableError(Reason.KPL_CHECKSUM)
    try:
        records = _read(body, most)
    except (IndexError, UnicodeDecodeError) as error:
        raise UndecodableError(Reason.KPL_MALFORMED) from error
    if not records:
        raise UndecodableError(Reason.KPL_EMPTY)
    return records


def _read(body: bytes, most: int) -> list[UserRecord]:
    """Read the message; the tables may stand behind the records that point into them."""
    keys: list[str] = []
    records: list[tuple[int, bytes]] = []
    for number, value in _fields(body):
        if number == PARTITION_KEYS:
            keys.append(_bytes(value).decode())
        elif number == RECORDS:
            records.append(_record(_bytes(value)))
            if len(records) > most:
                raise UndecodableError(Reason.TOO_LARGE)
    return [UserRecord(keys[index], data) for index, data in records]


def _record(message: bytes) -> tuple[int, bytes]:
    index = data = None
    for number, value in _fields(message):
        if number == PARTITION_KEY_INDEX:
            index = value
        elif number == DATA:
            data = value
    if not isinstance(index, int):
        raise UndecodableError(Reason.KPL_MALFORMED)
    return index, _bytes(data)


def _bytes(value: int | bytes | None) -> bytes:
    if not isinstance(value, bytes):
        raise UndecodableError(Reason.KPL_MALFORMED)
    return value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield a protobuf message's fields: a varint as a number, everything else as its bytes."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        value: int | bytes
        if tag & 7 == VARINT:
            value, at = _varint(message, at)
        else:
            size, at = _size(message, at, tag & 7)
            value = message[at : at + size]
            at += size
        if at > end or tag < 1 << 3:
            raise UndecodableError(Reason.KPL_MALFORMED)
        yield tag >> 3, value


def _size(message: bytes, at: int, wire_type: int) -> tuple[int, int]:
    if wire_type == LENGTH:
        return _varint(message, at)
    if wire_type in {FIXED64, FIXED32}:
        return (8 if wire_type == FIXED64 else 4), at
    raise UndecodableError(Reason.KPL_MALFORMED)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number at ``at`` and where it ends; IndexError behind the message's end."""
    byte = message[at]
    if byte < 1 << 7:
        return byte, at + 1
    value = byte & 0x7F
    for length in range(1, LONGEST_VARINT):
        byte = message[at + length]
        value |= (byte & 0x7F) << 7 * length
        if byte < 1 << 7:
            return value, at + length + 1
    raise UndecodableError(Reason.KPL_MALFORMED)
