"""GetRecords' answer, decoded by its type: botocore reads it shape by shape in Python, twenty times as slowly."""

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from include.records import ON_THE_WIRE, StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

UNREAD = b"{}"
"""What is left for botocore to read; the metadata of its answer comes from the headers."""


class _Answer(msgspec.Struct, rename="pascal", gc=False):
    records: list[StreamRecord]
    next_shard_iterator: str | None = None
    millis_behind_latest: int | None = None
    child_shards: list[dict[str, Any]] | None = None


# Not strict: the arrival time is a number of seconds.
_decoder = msgspec.json.Decoder(_Answer, strict=False)
_fields = itemgetter(*ON_THE_WIRE.values())


def decode_by_type(client: "KinesisClient") -> None:
    """Have a boto3 client decode GetRecords' answers by type: ``Records`` are ``StreamRecord``, times in UTC.

    The other members stay what botocore makes of them, and so do all of an answer that is not of the type.
    """
    client.meta.events.register("before-parse.kinesis.GetRecords", _decode, unique_id="cali-get-records")


def stream_records(records: Sequence[Any]) -> tuple[StreamRecord, ...]:
    """Return the records of an answer, whether they were decoded by type or read by botocore."""
    if records and not isinstance(records[0], StreamRecord):
        return tuple(StreamRecord(*_fields(record)) for record in records)
    return tuple(records)


def _decode(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    try:
        answer = _decoder.decode(response_dict["body"])
    except msgspec.MsgspecError:
        # A refusal, or an answer that breaks off: botocore and our own checks tell which.
        return
    members = {
        "Records": answer.records,
        "NextShardIterator": answer.next_shard_iterator,
        "MillisBehindLatest": answer.millis_behind_latest,
        "ChildShards": answer.child_shards,
    }
    customized_response_dict.update((name, value) for name, value in members.items() if value is not None)
    response_dict["body"] = UNREAD
