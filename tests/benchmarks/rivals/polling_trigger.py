"""Airflow's own KinesisTrigger with a task that does what the plain loop does.

An AssetWatcher keeps the trigger running, and each of its events is an asset event's ``extra``: a JSON column of the
metadata database, which the task reads back. That column's JSON is counted, once each way. The triggerer's queue, the
rows, the API server and the task's start are not, so the real thing costs more.
"""

import asyncio
import base64
import json
import os
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import boto3
from pydantic import BaseModel

from include import streams
from tests.benchmarks.baseline import PAGE, page_objects
from tests.benchmarks.rivals.child import BUCKET_VARIABLE, QUIET_S, carry_out
from tests.benchmarks.run import Order, Run, Stopwatch

BETWEEN_SWEEPS_S = 1
"""The shortest that the trigger documents; its default, 10, is a wait, not work."""


async def read(order: Order) -> Run:
    """Take the trigger's events until each record has come, or none for a while."""
    from airflow.providers.amazon.aws.triggers.kinesis import KinesisTrigger

    trigger = KinesisTrigger(
        order.stream,
        aws_conn_id=None,
        shard_iterator_type="TRIM_HORIZON",
        batch_size=PAGE,
        waiter_delay=BETWEEN_SWEEPS_S,
    )
    # A triggerer has imported long ago what a first client imports.
    async with await trigger.hook.get_async_conn() as client:
        await client.list_shards(StreamName=order.stream)
    s3, model = boto3.client("s3"), streams.get(order.kind).model
    events, taken, seen = trigger.run(), 0, set()
    watch = Stopwatch()
    run = watch.run(0)
    while run.records < order.records and (payload := await _next_payload(events)) is not None:
        stored = json.dumps({"from_trigger": True, "payload": payload})
        batch = json.loads(stored)["payload"]["message_batch"]
        _task(s3, order, batch, model)
        taken += len(batch)
        seen |= {(record["ShardId"], record["SequenceNumber"]) for record in batch}
        run = watch.run(len(seen), taken - len(seen))
    return run


async def _next_payload(events: AsyncIterator[Any]) -> Any:
    try:
        return (await asyncio.wait_for(anext(events), QUIET_S)).payload
    except TimeoutError:
        return None


def _task(s3: Any, order: Order, batch: list[dict[str, str]], model: type[BaseModel]) -> None:
    payloads = [base64.b64decode(record["Data"]) for record in batch]
    name = f"{order.stream}/{batch[0]['ShardId']}-{batch[0]['SequenceNumber']}"
    for key, body in page_objects("kinesis_trigger", name, payloads, model):
        s3.put_object(Bucket=os.environ[BUCKET_VARIABLE], Key=key, Body=body)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="cali-bench-airflow-") as home:
        os.environ["AIRFLOW_HOME"] = home
        carry_out(lambda order: asyncio.run(read(order)))
