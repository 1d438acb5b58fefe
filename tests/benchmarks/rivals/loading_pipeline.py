"""dlt loading a stream into Parquet on S3: parsed and normalised, but checked against no model.

dlt's Kinesis source is a template that ``dlt init`` copies from GitHub, in no package and without a version. The
resource here has its columns (the record's fields, a message id, Kinesis' envelope) and resumes as it does, by shard.
A shard ends with an empty page here, not with a lag of 0, which kinesalite says of every page. And two things that end
dlt's whole load are kept from it: what is no JSON object stays bytes, and instants stay the texts that they are, for
dlt dies of one that no calendar holds.
"""

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow.parquet  # noqa: F401 - dlt would import both within the load; all others have imported theirs before
import s3fs  # noqa: F401
from botocore.session import Session
from dlt.common import json, pendulum
from dlt.common.configuration.specs import AwsCredentials
from dlt.common.utils import digest128
from dlt.destinations import filesystem

from tests.benchmarks.baseline import PAGE
from tests.benchmarks.rivals.child import BUCKET_VARIABLE, carry_out
from tests.benchmarks.run import Order, Run, Stopwatch

TABLE = "records"
Row = dict[str, Any]


def furthest(values: tuple[Row, ...]) -> Row:
    """Return the last sequence number of each shard: dlt calls it with a row's envelope and what it returned before."""
    envelope, known = values[0], values[1] if len(values) > 1 else {}
    shard, sequence = envelope["shard_id"], envelope["seq_no"]
    return {**known, shard: max(sequence, known.get(shard, ""))}


@dlt.resource(name=TABLE, primary_key="_kinesis_msg_id")
def kinesis_records(
    stream: str,
    cursor: dlt.sources.incremental[Row] = dlt.sources.incremental("_kinesis", last_value_func=furthest),  # noqa: B008
) -> Iterator[list[Row]]:
    """Yield a stream's records, a page at a time, from where the last load ended."""
    kinesis = Session().create_client("kinesis")
    ended = cursor.last_value or {}
    for shard in [shard["ShardId"] for shard in kinesis.list_shards(StreamName=stream)["Shards"]]:
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard in ended:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": ended[shard]}
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
        while (page := kinesis.get_records(ShardIterator=iterator, Limit=PAGE))["Records"]:
            yield [_row(stream, shard, record) for record in page["Records"]]
            iterator = page["NextShardIterator"]


def _row(stream: str, shard: str, record: Row) -> Row:
    envelope = {
        "shard_id": shard,
        "seq_no": record["SequenceNumber"],
        "ts": pendulum.instance(record["ApproximateArrivalTimestamp"]),
        "partition": record["PartitionKey"],
        "stream_name": stream,
    }
    return {
        "_kinesis": envelope,
        "_kinesis_msg_id": digest128(shard + record["SequenceNumber"]),
        **_fields(record["Data"]),
    }


def _fields(data: bytes) -> Row:
    try:
        fields = json.loadb(data)
    except ValueError:
        return {"data": data}
    return fields if isinstance(fields, dict) else {"data": data}


def read(order: Order) -> Run:
    """Load the whole stream in one run of a pipeline."""
    access = AwsCredentials(
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region_name=os.environ["AWS_DEFAULT_REGION"],
        endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"],
    )
    destination = filesystem(f"s3://{os.environ[BUCKET_VARIABLE]}/dlt", credentials=access)
    schema = dlt.Schema("bench")
    schema.remove_type_detection("iso_timestamp")
    # Where a load ended is kept beside what it loaded: a run that reads all again needs a place of its own.
    dataset = f"{order.stream}_{os.getpid()}".replace("-", "_")
    with tempfile.TemporaryDirectory(prefix="cali-bench-dlt-") as folder:
        pipeline = dlt.pipeline("bench", folder, destination=destination, dataset_name=dataset)
        watch = Stopwatch()
        records = kinesis_records(order.stream)
        pipeline.run(records, schema=schema, loader_file_format="parquet").raise_on_failed_jobs()
        return watch.run(pipeline.last_trace.last_normalize_info.row_counts[TABLE])


if __name__ == "__main__":
    carry_out(read)
