"""The doorbell: it rings for each of its reasons within seconds, and for nothing else."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from airflow.sdk._shared.module_loading import import_string
from botocore.exceptions import ClientError

from cali.operators.kinesis_drain import KinesisDrainOperator
from cali.triggers import kinesis_backlog
from cali.triggers.kinesis_backlog import KinesisBacklogTrigger, ShardWatch
from include.records import Checkpoint
from tests.eventually import eventually
from tests.plugins.conftest import Servers

DEADLINE_S = 15
SHARD = Checkpoint("shardId-000000000000")
CHECKPOINTS = {SHARD.shard_id: SHARD}


def trigger(kinesis_stream: str, idle_s: float = DEADLINE_S) -> KinesisBacklogTrigger:
    """Return a doorbell in a hurry."""
    return KinesisBacklogTrigger("logs", kinesis_stream, 0.2, idle_s, "aws_default", "cali_postgres")


async def ring(doorbell: KinesisBacklogTrigger) -> list[Any]:
    """Return the payloads of all events, within a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        return [event.payload async for event in doorbell.run()]


class Shards:
    """Kinesis' side of one shard: it answers each GetRecords with what was prepared, and writes down each call."""

    def __init__(self, *answers: dict[str, Any] | str) -> None:
        self.answers = list(answers)
        self.iterators: list[str] = []
        self.made = 0

    async def get_shard_iterator(self, **arguments: Any) -> dict[str, str]:
        self.made += 1
        return {"ShardIterator": f"made-{self.made}"}

    async def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803 - Kinesis' own names
        self.iterators.append(ShardIterator)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": ""}}, "GetRecords")
        return answer


def empty(following: str) -> dict[str, Any]:
    """Return a page without records that goes on."""
    return {"Records": [], "NextShardIterator": following}


FULL = {"Records": [{"Data": b"x"}], "NextShardIterator": "on"}


@pytest.mark.integration
async def test_it_rings_once_for_records_past_the_checkpoint(servers: Servers) -> None:
    """What was put before it looked makes it ring at its first look."""
    servers.register()
    servers.put(b"1")
    assert await ring(trigger(servers.kinesis_stream)) == [{"reason": "backlog"}]


@pytest.mark.integration
async def test_it_rings_for_a_record_that_comes_while_it_waits(servers: Servers) -> None:
    """It keeps looking behind the checkpoint, by the iterators that it carries on."""
    servers.register()
    waiting = asyncio.create_task(ring(trigger(servers.kinesis_stream)))
    await asyncio.wait([waiting], timeout=0.7)
    assert not waiting.done()
    await asyncio.to_thread(servers.put, b"1")
    assert await waiting == [{"reason": "backlog"}]


@pytest.mark.integration
async def test_it_rings_for_a_shard_without_a_checkpoint(servers: Servers) -> None:
    """A stream that was never drained, or a child that was born while nobody looked, is news."""
    assert await ring(trigger(servers.kinesis_stream)) == [{"reason": "shards_changed"}]


@pytest.mark.integration
async def test_it_rings_for_a_stream_that_was_made_anew(servers: Servers) -> None:
    """Checkpoints of another stream of the same name are for a drain to record as a gap, not to wait behind."""
    servers.put(b"1")
    KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "run"})  # type: ignore[typeddict-item]
    servers.recreate()
    assert await ring(trigger(servers.kinesis_stream)) == [{"reason": "shards_changed"}]


@pytest.mark.integration
async def test_it_rings_for_the_end_of_a_shard(servers: Servers) -> None:
    """A closed shard that nothing is left in has to be marked, or its children would wait for ever."""
    servers.split()
    servers.register()
    assert await ring(trigger(servers.kinesis_stream)) == [{"reason": "shard_end"}]


@pytest.mark.integration
async def test_it_rings_for_forgotten_work_and_not_for_fresh_work(servers: Servers) -> None:
    """A stage that waits longer than PATIENCE has lost its run; until then its run is on its way."""
    servers.put(b"1")
    KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "run"})  # type: ignore[typeddict-item]
    assert await ring(trigger(servers.kinesis_stream, idle_s=0.5)) == [{"reason": "idle"}]
    servers.age_stages()
    assert await ring(trigger(servers.kinesis_stream)) == [{"reason": "unfinished"}]
    deaf = KinesisBacklogTrigger("logs", servers.kinesis_stream, 0.2, 0.5, "aws_default", "cali_postgres", False)
    assert await ring(deaf) == [{"reason": "idle"}]


@pytest.mark.integration
async def test_it_gives_up_when_nothing_comes(servers: Servers) -> None:
    """An idle stream ends the wait, so that a newer run can begin."""
    servers.register()
    assert await ring(trigger(servers.kinesis_stream, idle_s=0.5)) == [{"reason": "idle"}]


@pytest.mark.integration
async def test_it_rings_when_postgres_is_away(
    servers: Servers, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blindness is a reason to ring: the task meets the error itself and can say it."""
    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", f"postgres://cali:secret@127.0.0.1:{free_port()}/cali")
    assert await ring(trigger(servers.kinesis_stream)) == [{"reason": "trouble"}]


@pytest.mark.integration
async def test_it_rings_when_postgres_goes_away(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its connection while it waits; when that breaks, somebody has to look."""
    monkeypatch.setattr(kinesis_backlog, "LEDGER_INTERVAL_S", 0.1)
    servers.register()
    waiting = asyncio.create_task(ring(trigger(servers.kinesis_stream)))
    others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'cali-doorbell'"
    ended = partial(eventually, lambda: servers.connection.execute(others).fetchone() != (0,), DEADLINE_S, lambda: "")
    await asyncio.to_thread(ended)
    assert await waiting == [{"reason": "trouble"}]


@pytest.mark.integration
async def test_it_rings_when_kinesis_is_away(
    servers: Servers, free_port: Callable[[], int], aws_connection: Callable[[str, str], None]
) -> None:
    """A server that is away is told within seconds, however patient AWS' clients are by themselves."""
    servers.register()
    aws_connection(f"http://127.0.0.1:{free_port()}", "http://127.0.0.1:9")
    assert await ring(trigger(servers.kinesis_stream)) == [{"reason": "trouble"}]


async def test_it_rings_when_a_connection_is_not_defined() -> None:
    """A missing Connection does not kill the trigger without a word."""
    assert await ring(trigger("logs")) == [{"reason": "trouble"}]


async def test_its_client_has_the_patience_of_a_tasks_client(
    aws_connection: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes connections and never answers does not blind the doorbell for minutes."""
    aws_connection("http://127.0.0.1:9", "http://127.0.0.1:9")
    patience: list[float] = []

    def look(client: Any, _: str) -> None:
        patience.extend([client.meta.config.connect_timeout, client.meta.config.read_timeout])
        raise RuntimeError("seen enough")

    monkeypatch.setenv("AIRFLOW_CONN_CALI_POSTGRES", "postgres://cali@127.0.0.1:9/cali")
    monkeypatch.setattr(kinesis_backlog, "ShardWatch", look)
    await ring(trigger("logs"))
    assert patience == [3, 15]


def test_airflow_can_make_it_from_what_it_stored() -> None:
    """Path and arguments are JSON, lead back to the class, and carry no record and no secret."""
    path, arguments = trigger("shop-logs").serialize()
    assert path == "cali.triggers.kinesis_backlog.KinesisBacklogTrigger"
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert isinstance(again, KinesisBacklogTrigger)
    assert again.serialize() == (path, arguments)


async def test_an_iterator_is_carried_over_empty_pages() -> None:
    """Twenty empty pages, then data: one iterator is made, and each page's successor is used."""
    pages = [empty(f"next-{number}") for number in range(20)]
    kinesis = Shards(*pages, FULL)
    watch = ShardWatch(kinesis, "logs")
    rings = [await watch.look(CHECKPOINTS) for _ in range(21)]
    assert rings == [None] * 20 + ["backlog"]
    assert kinesis.iterators == ["made-1", *(f"next-{number}" for number in range(20))]


async def test_an_expired_iterator_is_renewed_and_rings_nobody() -> None:
    """An iterator that outlived its five minutes is replaced by a new one at the checkpoint."""
    kinesis = Shards(empty("next"), "ExpiredIteratorException", FULL)
    watch = ShardWatch(kinesis, "logs")
    assert [await watch.look(CHECKPOINTS) for _ in range(3)] == [None, None, "backlog"]
    assert kinesis.iterators == ["made-1", "next", "made-2"]


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "LimitExceededException"])
async def test_throttling_is_not_a_ring(code: str) -> None:
    """A refused look is repeated with the same iterator at the next poll."""
    kinesis = Shards(code, FULL)
    watch = ShardWatch(kinesis, "logs")
    assert [await watch.look(CHECKPOINTS) for _ in range(2)] == [None, "backlog"]
    assert kinesis.iterators == ["made-1", "made-1"]


async def test_any_other_refusal_is_raised() -> None:
    """A stream that does not exist is not waited for in silence."""
    watch = ShardWatch(Shards("ResourceNotFoundException"), "logs")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        await watch.look(CHECKPOINTS)


async def test_a_moved_checkpoint_is_looked_behind_anew() -> None:
    """Once somebody drained further, the doorbell does not go on from its old place."""
    kinesis = Shards(empty("next"), FULL)
    watch = ShardWatch(kinesis, "logs")
    await watch.look(CHECKPOINTS)
    await watch.look({SHARD.shard_id: Checkpoint(SHARD.shard_id, sequence_number="7", version=1)})
    assert kinesis.iterators == ["made-1", "made-2"]


async def test_a_child_is_not_looked_at_before_its_parent_ended() -> None:
    """Records of a child are no reason to ring while its parent is open: nobody may read them yet."""
    kinesis = Shards(empty("next"))
    child = Checkpoint("shardId-000000000001", (SHARD.shard_id,))
    assert await ShardWatch(kinesis, "logs").look(CHECKPOINTS | {child.shard_id: child}) is None
    assert len(kinesis.iterators) == 1


def described(shard_id: str) -> dict[str, Any]:
    """Return a shard as ListShards tells of it."""
    return {"ShardId": shard_id, "SequenceNumberRange": {"StartingSequenceNumber": "100"}}


class ManyShards:
    """A stream whose shards are listed in two pages, with Kinesis' own rule for the second."""

    async def list_shards(self, **arguments: str) -> dict[str, Any]:
        if arguments == {"StreamName": "logs"}:
            return {"Shards": [described(SHARD.shard_id)], "NextToken": "rest"}
        if arguments == {"NextToken": "rest"}:
            return {"Shards": [described("shardId-000000000001")]}
        code = {"Code": "InvalidArgumentException", "Message": "NextToken and StreamName cannot be provided together."}
        raise ClientError({"Error": code}, "ListShards")


@pytest.mark.parametrize(("known", "changed"), [(1, True), (2, False), (3, True)])
async def test_more_shards_than_one_page_are_all_seen(known: int, changed: bool) -> None:
    """A stream of more than 1,000 shards neither rings for trouble nor hides a shard that is new or gone."""
    checkpoints = {f"shardId-{number:012d}": SHARD for number in range(known)}
    assert await ShardWatch(ManyShards(), "logs").changed(checkpoints) is changed


@pytest.mark.parametrize("code", ["InvalidArgumentException", "ResourceNotFoundException"])
async def test_it_rings_for_a_checkpoint_that_the_stream_refuses(code: str) -> None:
    """Nobody waits in front of a gap: a drain has to meet and record it."""

    class Refusing(Shards):
        async def get_shard_iterator(self, **arguments: Any) -> dict[str, str]:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetShardIterator")

    checkpoint = Checkpoint(SHARD.shard_id, sequence_number="7")
    assert await ShardWatch(Refusing(), "logs").look({SHARD.shard_id: checkpoint}) == "unknown_sequence"
    with pytest.raises(ClientError):
        await ShardWatch(Refusing(), "logs").look(CHECKPOINTS)
