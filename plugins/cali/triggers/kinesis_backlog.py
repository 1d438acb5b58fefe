"""The doorbell: rings when a Kinesis stream has records past its checkpoint.

It carries no records, and a ring that is lost, doubled or false harms nobody: whoever answers it reads from the
checkpoint in Postgres.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.records import Checkpoint, Shard, utc_now

if TYPE_CHECKING:
    import psycopg
    from airflow.sdk import Connection
    from botocore.exceptions import ClientError
    from psycopg.rows import DictRow

    from include.settings import StreamSettings

log = logging.getLogger(__name__)

LEDGER_INTERVAL_S = 5.0
"""How often the doorbell looks at the ledger: for checkpoints that moved, new shards, and work that nobody took."""
PATIENCE = timedelta(seconds=15)
"""How long a stage may wait before it counts as forgotten; until then its own run is on its way."""


class KinesisBacklogTrigger(BaseTrigger):
    """Fires one event, ``{"reason": …}``, and ends.

    Reasons: ``backlog`` (records past a checkpoint), ``shard_end``, ``shards_changed`` (a shard without a checkpoint,
    or a checkpoint whose shard is gone), ``unknown_sequence`` (the stream refuses a checkpoint), ``unfinished`` (a
    stage of a batch that nobody works on), ``trouble`` (the doorbell cannot see; whoever answers meets the error itself
    and can say it better) and ``idle`` (nothing for ``idle_s`` seconds).

    Args:
        stream: the stream's name in the ledger.
        kinesis_stream: its name in Kinesis.
        poll_s: seconds between two looks at each shard.
        idle_s: seconds after which it gives up.
        aws_conn_id: the Connection to AWS.
        postgres_conn_id: the Connection to CALI's database.
        forgotten_work: whether to ring for ``unfinished``.
    """

    def __init__(
        self,
        stream: str,
        kinesis_stream: str,
        poll_s: float,
        idle_s: float,
        aws_conn_id: str,
        postgres_conn_id: str,
        forgotten_work: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arguments = {
            "stream": stream,
            "kinesis_stream": kinesis_stream,
            "poll_s": poll_s,
            "idle_s": idle_s,
            "aws_conn_id": aws_conn_id,
            "postgres_conn_id": postgres_conn_id,
            "forgotten_work": forgotten_work,
        }
        self.stream = stream
        self.kinesis_stream = kinesis_stream
        self.poll_s = poll_s
        self.idle_s = idle_s
        self.aws_conn_id = aws_conn_id
        self.postgres_conn_id = postgres_conn_id
        self.forgotten_work = forgotten_work

    @classmethod
    def of(
        cls,
        stream: str,
        settings: "StreamSettings",
        aws_conn_id: str,
        postgres_conn_id: str,
        *,
        idle_s: float,
        forgotten_work: bool,
    ) -> "KinesisBacklogTrigger":
        """Return the doorbell of a stream with these settings."""
        return cls(
            stream=stream,
            kinesis_stream=settings.kinesis_stream,
            poll_s=settings.profile().poll_s,
            idle_s=idle_s,
            aws_conn_id=aws_conn_id,
            postgres_conn_id=postgres_conn_id,
            forgotten_work=forgotten_work,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and its arguments."""
        return f"{__name__}.{type(self).__name__}", self.arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is a reason to ring."""
        async with AsyncExitStack() as stack:
            try:
                reason = await self._watch(stack)
            except Exception as error:  # noqa: BLE001 - whatever blinds the doorbell is for the one who answers it
                log.warning("doorbell cannot see stream=%s error=%r", self.stream, error)
                reason = "trouble"
        log.info("doorbell rings stream=%s reason=%s", self.stream, reason)
        yield TriggerEvent({"reason": reason})

    async def _watch(self, stack: AsyncExitStack) -> str:
        from airflow.providers.amazon.aws.hooks.kinesis import KinesisHook  # noqa: PLC0415

        from cali.aws import patience  # noqa: PLC0415

        hook = KinesisHook(aws_conn_id=self.aws_conn_id, config=patience())
        client = await stack.enter_async_context(await hook.get_async_conn())
        connection = await BaseHook.aget_connection(self.postgres_conn_id)
        shards = ShardWatch(client, self.kinesis_stream)
        database = await stack.enter_async_context(await connected(connection))
        give_up = time.monotonic() + self.idle_s
        look_at_ledger = 0.0
        while time.monotonic() < give_up:
            if time.monotonic() >= look_at_ledger:
                checkpoints, unfinished = await ledger_state(database, self.stream)
                if unfinished and self.forgotten_work:
                    return "unfinished"
                if await shards.changed(checkpoints):
                    return "shards_changed"
                look_at_ledger = time.monotonic() + LEDGER_INTERVAL_S
            if reason := await shards.look(checkpoints):
                return reason
            await asyncio.sleep(self.poll_s)
        return "idle"


class ShardWatch:
    """Looks at a stream's shards right behind their checkpoints, by iterators that it carries from look to look."""

    def __init__(self, client: Any, kinesis_stream: str) -> None:  # noqa: ANN401 - aiobotocore makes its clients at run time
        self._client = client
        self._stream = kinesis_stream
        self._iterators: dict[Checkpoint, str] = {}

    async def changed(self, checkpoints: Mapping[str, Checkpoint]) -> bool:
        """Return whether the stream's shards are others than those that the checkpoints are of."""
        from include.adapters.kinesis import shard_of  # noqa: PLC0415
        from include.drain.gaps import changed  # noqa: PLC0415

        shards: list[Shard] = []
        # Not by botocore's paginator: Kinesis refuses a page's token together with the stream's name.
        arguments = {"StreamName": self._stream}
        while True:
            answer = await self._client.list_shards(**arguments)
            shards.extend(shard_of(shard) for shard in answer["Shards"])
            if not answer.get("NextToken"):
                return changed(checkpoints, shards)
            arguments = {"NextToken": answer["NextToken"]}

    async def look(self, checkpoints: Mapping[str, Checkpoint]) -> str | None:
        """Return why to ring, or None."""
        from include.drain.shard_plan import readable  # noqa: PLC0415

        looks = [self._look_at(checkpoint) for checkpoint in readable(checkpoints)]
        return next((reason for reason in await asyncio.gather(*looks) if reason), None)

    async def _look_at(self, checkpoint: Checkpoint) -> str | None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        from include.adapters.aws_errors import code_of  # noqa: PLC0415
        from include.adapters.kinesis import REFUSED_SEQUENCE, iterator_arguments  # noqa: PLC0415

        try:
            if checkpoint not in self._iterators:
                arguments = iterator_arguments(self._stream, checkpoint)
                answer = await self._client.get_shard_iterator(**arguments)
                self._iterators[checkpoint] = answer["ShardIterator"]
        except ClientError as error:
            if checkpoint.sequence_number is not None and code_of(error) in REFUSED_SEQUENCE:
                return "unknown_sequence"
            self._after_refusal(checkpoint, error)
            return None
        try:
            answer = await self._client.get_records(ShardIterator=self._iterators[checkpoint], Limit=1)
        except ClientError as error:
            self._after_refusal(checkpoint, error)
            return None
        if answer["Records"]:
            return "backlog"
        if answer.get("NextShardIterator") is None:
            return "shard_end"
        self._iterators[checkpoint] = answer["NextShardIterator"]
        return None

    def _after_refusal(self, checkpoint: Checkpoint, error: "ClientError") -> None:
        from include.adapters.aws_errors import THROTTLED, code_of  # noqa: PLC0415

        code = code_of(error)
        if code == "ExpiredIteratorException":
            del self._iterators[checkpoint]
        elif code not in THROTTLED:
            raise error


async def connected(connection: "Connection") -> "psycopg.AsyncConnection[DictRow]":
    """Return a connection to CALI's database; logging in costs both sides more than all looks of a minute."""
    import psycopg  # noqa: PLC0415
    from psycopg.rows import dict_row  # noqa: PLC0415

    from cali.connections import postgres_uri  # noqa: PLC0415
    from include.ledger.postgres import CONNECT_TIMEOUT_S  # noqa: PLC0415

    return await psycopg.AsyncConnection.connect(
        postgres_uri(connection),
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        application_name="cali-doorbell",
        row_factory=dict_row,
    )


async def ledger_state(database: "psycopg.AsyncConnection[DictRow]", stream: str) -> tuple[dict[str, Checkpoint], int]:
    """Return the stream's checkpoints and how many stages nobody works on."""
    from include.ledger.postgres import checkpoint_of  # noqa: PLC0415
    from include.sql import query  # noqa: PLC0415

    rows = await (await database.execute(query("checkpoints"), {"stream": stream, "generation": 0})).fetchall()
    forgotten = {"stream": stream, "stage": None, "now": utc_now() - PATIENCE}
    waiting = await (await database.execute(query("unfinished"), forgotten)).fetchone()
    return {row["shard_id"]: checkpoint_of(row) for row in rows}, int(waiting["count"]) if waiting else 0
