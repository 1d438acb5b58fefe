"""Scale-out: CeleryExecutor, a broker and two workers; the lanes of a stream run on both, and nothing is lost."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from include.drain.lanes import lane_of
from local import stack
from local.environment import kinesis_url
from local.servers.aws import client
from tests.eventually import eventually
from tests.stack.running_stack import PROVED, STREAM, RunningStack, stack_environment, warm_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.integration, pytest.mark.scale_out, pytest.mark.timeout(2700)]

LANES = 2
WORKERS = {"worker-1", "worker-2"}
DRAINS = "from task_instance where dag_id = 'logs_drain' and task_id = 'drain' and state = 'success'"


@pytest.fixture(scope="module")
def celery_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Start a stack with a broker, two workers and two lanes, split its stream into four shards, stop it at the end."""
    environment = stack_environment(tmp_path_factory.mktemp("stack")) | {"EXECUTOR": "celery", "WORKERS": "2"}
    with pytest.MonkeyPatch.context() as shell:
        # Programs inherit what CALI's own settings are from the supervisor's environment.
        shell.setenv("CALI_LOGS_LANES", str(LANES))
        running = RunningStack(environment, stack.up(lambda _: None, environment))
    split_every_shard(running)
    yield running
    stack.down(lambda _: None, environment)


def split_every_shard(running: RunningStack) -> None:
    """Split each shard of the stream in the middle of its hash keys, and wait until its halves are there."""
    with closing(client("kinesis", kinesis_url(running.settings), running.settings.credentials)) as kinesis:

        def is_active() -> bool:
            summary = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
            return str(summary["StreamStatus"]) == "ACTIVE"

        for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
            keys = shard["HashKeyRange"]
            middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
            kinesis.split_shard(StreamName=STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))
            eventually(is_active, 30, lambda: "the stream did not become active")


def drained_by_lane_one(running: RunningStack) -> list[str]:
    """Return the ids of the batches that the second lane's claim checks name."""
    checks = running.metadata(
        "select value from xcom where dag_id = 'logs_drain' and key = 'return_value' and map_index = 1"
    )
    return [batch for check in checks for batch in check["value"]["batches"]]


def test_lanes_run_on_both_workers_and_nothing_is_lost_or_doubled(celery_stack: RunningStack) -> None:
    """Each lane has its own shards, lanes of one run are on different workers, and the journal is on S3, once."""
    celery_stack.put(seed=1, rate=100, seconds=30)
    celery_stack.settle()
    assert celery_stack.verdict() == PROVED
    ran: list[dict[str, Any]] = celery_stack.metadata(f"select run_id, map_index, hostname {DRAINS}")
    assert {(one["map_index"], one["hostname"]) for one in ran} == {
        (lane, worker) for lane in range(LANES) for worker in WORKERS
    }
    hosts: dict[str, set[str]] = {}
    for one in ran:
        hosts.setdefault(one["run_id"], set()).add(one["hostname"])
    assert WORKERS in hosts.values()
    batches = drained_by_lane_one(celery_stack)
    assert {lane_of(batch.rpartition("-")[0], LANES) for batch in batches} == {1}
    shards = celery_stack.rows("select shard_id from cali.shard_checkpoints where state = 'open'")
    assert len(shards) == 4


def test_the_workers_of_the_pool_have_what_tasks_import_and_no_other_program_has(celery_stack: RunningStack) -> None:
    """The parents of the pools import once, before they fork; scheduler, DAG processor, triggerer and API do not."""
    assert warm_programs(celery_stack) == WORKERS
    pools = [child for worker in WORKERS for child in celery_stack.process(worker).children()]
    assert len(pools) >= 2 * len(WORKERS)


def test_a_worker_that_is_killed_loses_nothing(celery_stack: RunningStack) -> None:
    """With its pool, in the middle of tasks: they are tried again, and the worker comes back."""
    with celery_stack.simulating(seed=2):
        celery_stack.wait_for_batches(2)
        worker = celery_stack.process("worker-1")
        for process in (worker, *worker.children(recursive=True)):
            process.kill()
        psutil.wait_procs([worker], timeout=30)
        celery_stack.wait_until_healthy()
        celery_stack.wait_for_batches()
    celery_stack.settle()
    assert celery_stack.verdict() == PROVED
