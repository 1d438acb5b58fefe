"""Create on the emulators what the streams' settings name: Kinesis streams and S3 buckets; safe to repeat.

Streams come from `CALI_STREAMS`, endpoints and credentials from the environment, as for every AWS tool.
"""  # noqa: INP001 - a script, mounted into a container

import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import boto3

from include.settings import running_streams, stream_settings

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

SHARDS = 2

logger = logging.getLogger("prepare_aws")


def create_streams(kinesis: "KinesisClient", names: Iterable[str]) -> None:
    """Create each Kinesis stream with two shards where it is missing, and return when all are active.

    Raises:
        botocore.exceptions.WaiterError: a stream did not become active.
    """
    for name in names:
        try:
            kinesis.create_stream(StreamName=name, ShardCount=SHARDS)
            logger.info("stream created stream=%s shards=%d", name, SHARDS)
        except kinesis.exceptions.ResourceInUseException:
            logger.info("stream exists stream=%s", name)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def create_buckets(s3: "S3Client", names: Iterable[str]) -> None:
    """Create each S3 bucket where it is missing."""
    present = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in names:
        if name not in present:
            s3.create_bucket(Bucket=name)
        logger.info("bucket ready bucket=%s", name)


def main() -> int:
    """Prepare every stream's Kinesis stream and bucket; 0 when all are there."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    settings = [stream_settings(stream) for stream in running_streams()]
    create_streams(boto3.client("kinesis"), [stream.kinesis_stream for stream in settings])
    create_buckets(boto3.client("s3"), sorted({stream.bucket for stream in settings}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
