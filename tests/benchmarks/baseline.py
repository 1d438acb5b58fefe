"""What a user would write without CALI: json.loads, Pydantic per record and gzip NDJSON to S3, behind a boto3 loop."""

import gzip
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

GZIP_LEVEL = 6
PAGE = 10_000


def plain_loop(kinesis: Any, s3: Any, bucket: str, stream: str, model: "type[BaseModel]") -> int:
    """Write a stream's records, the valid events and the others to S3, a page at a time; return how many it read.

    An empty page counts as a shard's end, and there is no checkpoint: the least that could be called a consumer.
    """
    read = 0
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (page := kinesis.get_records(ShardIterator=iterator, Limit=PAGE))["Records"]:
            name = f"{stream}/{shard['ShardId']}-{records[0]['SequenceNumber']}"
            for key, body in page_objects("plain", name, [record["Data"] for record in records], model):
                s3.put_object(Bucket=bucket, Key=key, Body=body)
            read += len(records)
            iterator = page["NextShardIterator"]
    return read


def page_objects(
    folder: str, name: str, payloads: Sequence[bytes], model: "type[BaseModel]"
) -> Iterator[tuple[str, bytes]]:
    """Yield the key and the bytes of a page's objects: all records, the valid events, and the others if there are."""
    valid, dead = _parted(payloads, model)
    for room, lines in (("raw", payloads), ("valid", valid), ("dead", dead)):
        if lines:
            yield f"{folder}/{room}/{name}.ndjson.gz", gzip.compress(b"\n".join(lines), GZIP_LEVEL)


def _parted(payloads: Sequence[bytes], model: "type[BaseModel]") -> tuple[list[bytes], list[bytes]]:
    valid, dead = [], []
    for data in payloads:
        try:
            event = model.model_validate(json.loads(data))
            valid.append(event.model_dump_json().encode())
        except (ValueError, RecursionError):
            dead.append(data)
    return valid, dead
