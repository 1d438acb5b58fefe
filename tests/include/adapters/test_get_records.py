"""GetRecords' answers decoded by type are the ones that botocore reads."""

import base64
import json
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.parsers import JSONParser

from include.adapters.get_records import decode_by_type, stream_records
from include.records import StreamRecord

RECORD = {
    "SequenceNumber": "4957",
    "ApproximateArrivalTimestamp": 1.763731000123e9,
    "Data": base64.b64encode(bytes(range(256))).decode(),
    "PartitionKey": "ключ",
}
CHILD = {"ShardId": "s2", "ParentShards": ["s1"], "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"}}


def clients(body: bytes, status: int = 200) -> list[Any]:
    """Return a plain client and one that decodes by type, both always given the answer."""
    made = [
        boto3.client("kinesis", region_name="eu-central-1", aws_access_key_id="k", aws_secret_access_key="s")
        for _ in range(2)
    ]

    def answer(request: Any, **_: Any) -> AWSResponse:
        raw = Mock(stream=lambda **_: iter([body]))
        return AWSResponse(request.url, status, {"x-amzn-RequestId": "id"}, raw)

    for client in made:
        client.meta.events.register("before-send.kinesis.GetRecords", answer)
    decode_by_type(made[1])
    return made


def as_read(record: dict[str, Any]) -> StreamRecord:
    """Return a record of botocore's own reading."""
    arrived_at = record["ApproximateArrivalTimestamp"]
    return StreamRecord(record["SequenceNumber"], record["PartitionKey"], arrived_at, record["Data"])


@pytest.mark.parametrize(
    "answer",
    [
        {"Records": [RECORD, RECORD], "NextShardIterator": "next", "MillisBehindLatest": 1000},
        {"Records": [RECORD | {"EncryptionType": "KMS"}], "NextShardIterator": None, "MillisBehindLatest": 0},
        {"Records": [RECORD | {"ApproximateArrivalTimestamp": 1763731000}], "ChildShards": [CHILD]},
        {"Records": [RECORD | {"Unknown": 1}], "MillisBehindLatest": None, "AlsoUnknown": []},
        {"Records": []},
        {"message": "no records"},
    ],
)
def test_an_answer_is_the_one_that_botocore_reads(answer: dict[str, Any]) -> None:
    """Each member, its value and the metadata are the same; the records are decoded, a time the same instant in UTC."""
    plain, typed = (client.get_records(ShardIterator="i") for client in clients(json.dumps(answer).encode()))
    read, decoded = plain.pop("Records", []), typed.pop("Records", [])
    assert plain == typed
    assert [as_read(record) for record in read] == decoded
    assert all(record.arrived_at.utcoffset() == timedelta(0) for record in decoded)


def test_records_that_botocore_had_to_read_are_the_same_records() -> None:
    """Half a surrogate pair is no text to the decoder; botocore reads it, and the page has its records all the same."""
    halves = RECORD | {"PartitionKey": "\ud800"}
    plain, typed = clients(json.dumps({"Records": [halves, RECORD]}).encode())
    expected = tuple(as_read(record) for record in plain.get_records(ShardIterator="i")["Records"])
    assert expected == stream_records(typed.get_records(ShardIterator="i")["Records"])
    assert stream_records([]) == ()


@pytest.mark.parametrize("body", [b'{"Records": [', b"", b"<html>", b'{"Records": "x"}', b"\xff"])
def test_a_body_that_is_no_answer_is_left_to_botocore(body: bytes) -> None:
    """What it makes of it, an answer without members or an error, does not change."""

    def outcome(client: Any) -> Any:
        try:
            return client.get_records(ShardIterator="i")
        except Exception as error:  # noqa: BLE001 - whatever botocore raises
            return repr(error)

    plain, typed = map(outcome, clients(body))
    assert plain == typed


def test_a_refusal_is_the_same_refusal() -> None:
    """Its code and message reach the caller."""
    errors = []
    for client in clients(b'{"__type": "ExpiredIteratorException", "message": "old"}', 400):
        with pytest.raises(ClientError) as caught:
            client.get_records(ShardIterator="i")
        errors.append(caught.value.response)
    assert errors[0] == errors[1]
    assert errors[1]["Error"] == {"Code": "ExpiredIteratorException", "Message": "old"}


def test_botocore_reads_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder stands in botocore's place rather than beside it; registered twice, it works once."""
    _, typed = clients(json.dumps({"Records": [RECORD]}).encode())
    decode_by_type(typed)
    read = Mock(side_effect=AssertionError)
    monkeypatch.setattr(JSONParser, "_handle_blob", read)
    assert typed.get_records(ShardIterator="i")["Records"][0].data == bytes(range(256))
