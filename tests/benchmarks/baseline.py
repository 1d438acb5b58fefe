"""What a user would write without CALI: a boto3 loop with json.loads, Pydantic per record and gzip NDJSON to S3."""

import gzip
import json
from typing import Any

from include.streams.logs.model import LogEvent

GZIP_LEVEL = 6
PAGE = 10_000


def plain_loop(kinesis: Any, s3: Any, bucket: str, stream: str) -> int:
    """Write a stream's records, the valid events and the others to S3, an object each a page; return how many it read.

    An empty page counts as a shard's end, and there is no checkpoint: the least that could be called a consumer.
    """
    read = 0
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (page := kinesis.get_records(ShardIterator=iterator, Limit=PAGE))["Records"]:
            name = f"{stream}/{shard['ShardId']}-{records[0]['SequenceNumber']}.ndjson.gz"
            valid, dead = _parted([record["Data"] for record in records])
            _put(s3, bucket, f"plain/raw/{name}", [record["Data"] for record in records])
            _put(s3, bucket, f"plain/valid/{name}", valid)
            _put(s3, bucket, f"plain/dead/{name}", dead)
            read += len(records)
            iterator = page["NextShardIterator"]
    return read


def _parted(payloads: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    valid, dead = [], []
    for data in payloads:
        try:
            event = LogEvent.model_validate(json.loads(data))
            valid.append(event.model_dump_json().encode())
        except (ValueError, RecursionError):
            dead.append(data)
    return valid, dead


def _put(s3: Any, bucket: str, key: str, lines: list[bytes]) -> None:
    if lines:
        s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(b"\n".join(lines), GZIP_LEVEL))
