"""Reading a Kinesis stream: the Protocol, and boto3 behind it. The in-memory twin is ``kinesis_memory``."""

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from include.adapters.aws_errors import code_of, explained, whole
from include.adapters.get_records import decode_by_type, stream_records
from include.adapters.whole_body import read_bodies_whole
from include.errors import CaliError, TransientError
from include.records import Checkpoint, Page, Shard

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetShardIteratorInputTypeDef, ShardTypeDef

PAGE_LIMIT = 10_000
"""Records that one GetRecords call may return at most (Kinesis' own bound)."""
REFUSED_SEQUENCE = frozenset({"InvalidArgumentException", "ResourceNotFoundException"})
"""How GetShardIterator refuses a sequence number that is not the stream's: AWS by the first, an emulator the second."""


class ExpiredIteratorError(Exception):
    """An iterator outlived its five minutes; ask for a new one at the same position."""


class UnknownSequenceError(CaliError):
    """The shard is there, but the stream does not know the checkpoint's sequence number."""


class StreamReader(Protocol):
    """At-least-once, in order within a shard.

    An iterator from a checkpoint starts right behind the checkpoint's record, or at the checkpoint's start (a record
    or an instant) when nothing is drained yet, or at the oldest record that the stream still holds when none is set.
    Reading moves nothing on the stream's side: the same position can be read any number of times. A checkpoint whose
    successors are past retention is read on from the oldest record that is left, without a word.
    """

    def shards(self, stream: str) -> list[Shard]:
        """Return every shard that the stream still knows, closed ones included; never none."""
        ...

    def retention(self, stream: str) -> timedelta:
        """Return how long the stream keeps a record; at least a day."""
        ...

    def iterator(self, stream: str, checkpoint: Checkpoint) -> str:
        """Return an iterator right behind the checkpoint.

        Raises:
            UnknownSequenceError: the stream does not know the checkpoint's sequence number.
        """
        ...

    def page(self, stream: str, iterator: str, limit: int) -> Page:
        """Return up to ``limit`` records.

        Raises:
            ExpiredIteratorError: the iterator is older than five minutes.
        """
        ...


def iterator_arguments(stream: str, checkpoint: Checkpoint) -> "GetShardIteratorInputTypeDef":
    """Return GetShardIterator's arguments for the position right behind a checkpoint."""
    if checkpoint.sequence_number is not None:
        return {
            "StreamName": stream,
            "ShardId": checkpoint.shard_id,
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": checkpoint.sequence_number,
        }
    if checkpoint.start_sequence_number is not None:
        return {
            "StreamName": stream,
            "ShardId": checkpoint.shard_id,
            "ShardIteratorType": "AT_SEQUENCE_NUMBER",
            "StartingSequenceNumber": checkpoint.start_sequence_number,
        }
    if checkpoint.start_at is not None:
        return {
            "StreamName": stream,
            "ShardId": checkpoint.shard_id,
            "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": checkpoint.start_at,
        }
    return {"StreamName": stream, "ShardId": checkpoint.shard_id, "ShardIteratorType": "TRIM_HORIZON"}


def shard_of(described: "ShardTypeDef") -> Shard:
    """Return a shard of ListShards' answer."""
    parents = (described.get("ParentShardId"), described.get("AdjacentParentShardId"))
    return Shard(
        described["ShardId"],
        tuple(parent for parent in parents if parent),
        described["SequenceNumberRange"]["StartingSequenceNumber"],
    )


class BotoStreamReader:
    """A ``StreamReader`` over a boto3 Kinesis client, which is its own from now on: GetRecords' answers are decoded."""

    def __init__(self, client: "KinesisClient") -> None:
        read_bodies_whole(client)
        decode_by_type(client)
        self._client = client

    def shards(self, stream: str) -> list[Shard]:
        """Return every shard that the stream still knows, in pages of Kinesis' own size."""
        with explained(f"Kinesis stream {stream}"):
            answer = self._client.list_shards(StreamName=stream)
            described = list(whole(answer, "Shards")["Shards"])
            while token := answer.get("NextToken"):
                answer = self._client.list_shards(NextToken=token)
                described.extend(whole(answer, "Shards")["Shards"])
        if not described:
            # A stream has at least one shard, unless it is just being made or deleted.
            raise TransientError(f"Kinesis stream {stream} names no shard; the checkpoints stay where they are")
        return [shard_of(shard) for shard in described]

    def retention(self, stream: str) -> timedelta:
        """Return how long the stream keeps a record."""
        with explained(f"Kinesis stream {stream}"):
            answer = self._client.describe_stream_summary(StreamName=stream)
            summary = whole(answer, "StreamDescriptionSummary")["StreamDescriptionSummary"]
        return timedelta(hours=summary["RetentionPeriodHours"])

    def iterator(self, stream: str, checkpoint: Checkpoint) -> str:
        """Return an iterator right behind the checkpoint."""
        with explained(f"Kinesis stream {stream}, {checkpoint.shard_id}"):
            try:
                answer = self._client.get_shard_iterator(**iterator_arguments(stream, checkpoint))
                return whole(answer, "ShardIterator")["ShardIterator"]
            except ClientError as error:
                if checkpoint.sequence_number is None or code_of(error) not in REFUSED_SEQUENCE:
                    raise
                # Where the shard answers without the number, it was the number; where not, this tells why.
                self._client.get_shard_iterator(**iterator_arguments(stream, Checkpoint(checkpoint.shard_id)))
                raise UnknownSequenceError(
                    f"Kinesis stream {stream}, {checkpoint.shard_id} does not know record {checkpoint.sequence_number}"
                ) from error

    def page(self, stream: str, iterator: str, limit: int) -> Page:
        """Return up to ``limit`` records behind the iterator."""
        with explained(f"Kinesis stream {stream}"):
            try:
                answer = self._client.get_records(ShardIterator=iterator, Limit=min(limit, PAGE_LIMIT))
            except ClientError as error:
                if code_of(error) == "ExpiredIteratorException":
                    raise ExpiredIteratorError(iterator) from error
                raise
            whole(answer, "Records")
        records = stream_records(answer["Records"])
        return Page(records, answer.get("NextShardIterator"), answer.get("MillisBehindLatest", 0) / 1000)
