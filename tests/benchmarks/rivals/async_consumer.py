"""async-kinesis doing what the plain loop does: its Consumer reads all shards, aiobotocore writes each page to S3."""

import asyncio
import os
from typing import Any

from aiobotocore.session import AioSession
from kinesis import Consumer
from kinesis.aggregators import SimpleAggregator
from kinesis.processors import Processor
from pydantic import BaseModel

from include import streams
from tests.benchmarks.baseline import PAGE, page_objects
from tests.benchmarks.rivals.child import BUCKET_VARIABLE, QUIET_S, carry_out
from tests.benchmarks.run import Order, Run, Stopwatch

SHARD_FETCHES_PER_S = 5
"""As many as Kinesis allows."""


class UntouchedProcessor(Processor, SimpleAggregator):
    """Hands a record's bytes on: the library's JSON processor reads a page again and again for one malformed record."""

    def deserialize(self, data: bytes) -> bytes:
        """Return the bytes."""
        return data


async def read(order: Order) -> Run:
    """Read until as many records have come as there are, or none for a while."""
    session, model = AioSession(), streams.get(order.kind).model
    consumer = Consumer(
        order.stream,
        session=session,
        processor=UntouchedProcessor(),
        record_limit=PAGE,
        shard_fetch_rate=SHARD_FETCHES_PER_S,
        sleep_time_no_records=0.2,
        idle_timeout=QUIET_S,
    )
    async with consumer, session.create_client("s3") as s3:
        watch = Stopwatch()
        return watch.run(await _carry(consumer, s3, order, model))


async def _carry(consumer: Consumer, s3: Any, order: Order, model: type[BaseModel]) -> int:
    page: list[bytes] = []
    count = 0
    async for data in consumer:
        page.append(data)
        if len(page) == PAGE or count + len(page) == order.records:
            await _put(s3, f"{order.stream}/{count}", page, model)
            count, page = count + len(page), []
            if count == order.records:
                return count
    await _put(s3, f"{order.stream}/{count}", page, model)
    return count + len(page)


async def _put(s3: Any, name: str, page: list[bytes], model: type[BaseModel]) -> None:
    for key, body in page_objects("async_kinesis", name, page, model):
        await s3.put_object(Bucket=os.environ[BUCKET_VARIABLE], Key=key, Body=body)


if __name__ == "__main__":
    carry_out(lambda order: asyncio.run(read(order)))
