"""The main job while things are killed and servers are away: nothing is lost, doubled or misjudged."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest

from local import stack
from local.environment import postgres
from tests.eventually import eventually
from tests.stack.running_stack import PROVED, RunningStack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.timeout(1800)]


def test_killed_workers_and_a_killed_scheduler_lose_nothing(running_stack: RunningStack) -> None:
    """Each is killed by SIGKILL while it has work; the stack comes back by itself and every record arrives once."""
    with running_stack.simulating(seed=2):
        scheduler = running_stack.process("scheduler")
        worker, _, orphaned = running_stack.at_work()
        worker.kill()  # its task's process lives on and has nobody to report to
        scheduler.wait(240)  # it does not go on with the queue that the worker may have taken along
        running_stack.wait_until_healthy()
        _, task, _ = running_stack.at_work(but={orphaned})
        task.kill()
        running_stack.wait_for_batches()
        _kill_scheduler_with_a_task_that_nobody_took(running_stack)
        running_stack.wait_until_healthy()
        running_stack.wait_for_batches()
    running_stack.settle()
    assert running_stack.verdict() == PROVED


@pytest.mark.thorough
def test_idle_workers_that_are_killed_do_not_stop_the_job(running_stack: RunningStack) -> None:
    """One of them holds the lock of the tasks' queue, which nobody gives back; the work goes on all the same."""
    running_stack.settle()
    scheduler = running_stack.process("scheduler")
    for worker in running_stack.workers():
        worker.kill()
    scheduler.wait(240)
    running_stack.put(seed=4, seconds=2)
    running_stack.settle()
    running_stack.wait_until_healthy()
    assert running_stack.verdict() == PROVED


@pytest.mark.thorough
def test_a_killed_triggerer_loses_nothing(running_stack: RunningStack) -> None:
    """It is killed while it watches the stream; its successor takes the watch over and sees what came meanwhile."""
    watching = "select 1 from trigger where triggerer_id is not null and classpath like '%%KinesisBacklogTrigger'"
    eventually(lambda: running_stack.metadata(watching), 60, running_stack.open_work)
    running_stack.process("triggerer").kill()
    running_stack.put(seed=3, seconds=4)
    running_stack.settle()
    running_stack.wait_until_healthy()
    assert running_stack.verdict() == PROVED


def _kill_scheduler_with_a_task_that_nobody_took(running_stack: RunningStack) -> None:
    """Let the workers stand still until a task is queued for them, then kill the scheduler; its successor ends them."""
    scheduler = running_stack.process("scheduler")
    for worker in scheduler.children():
        worker.suspend()
    queued = "select 1 from task_instance where state = 'queued'"
    eventually(lambda: running_stack.metadata(queued), 60, running_stack.open_work)
    scheduler.kill()


# -- outages -----------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("away", ["s3", "slack", "ledger", "postgres"])
def test_an_outage_is_told_and_loses_nothing(running_stack: RunningStack, away: str) -> None:
    """While records flow a server is away for ten seconds and more: it is named, and after its return all arrives."""
    rate, seed = 60, 10 + len(away)
    with running_stack.simulating(seed, rate):
        running_stack.at_work()
        before, since = len(running_stack.journal), time.time()
        with OUTAGES[away](running_stack):
            eventually(lambda: TOLD[away](running_stack, since), 60, lambda: f"nobody said that {away} is away")
            eventually(lambda: len(running_stack.journal) >= before + 10 * rate, 60, lambda: "nothing is put")
        running_stack.wait_until_healthy()
        running_stack.wait_for_batches(2)
    running_stack.settle()
    assert running_stack.verdict() == PROVED


@contextmanager
def _stopped(server: str, running_stack: RunningStack) -> Iterator[None]:
    running_stack.stop(server)
    yield
    running_stack.start()


@contextmanager
def _ledger_closed(running_stack: RunningStack) -> Iterator[None]:
    """Let nobody into CALI's database, while Airflow's own, in the same server, is there."""
    throw_out = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'cali'"
    with psycopg.connect(postgres(running_stack.settings).uri(), autocommit=True) as admin:
        admin.execute("alter database cali allow_connections false")
        admin.execute(throw_out)
        yield
        admin.execute("alter database cali allow_connections true")


def _in_task_logs(sentence: str, running_stack: RunningStack, since: float) -> bool:
    lines = (line for text in running_stack.task_logs(since) for line in text.splitlines())
    return any("TransientError" in line and re.search(sentence, line) for line in lines)


def _in_outbox(running_stack: RunningStack, since: float) -> object:
    del since
    return running_stack.rows("select 1 from cali.alert_outbox where last_error like 'Slack %% cannot be reached%%'")


def _in_status(running_stack: RunningStack, since: float) -> bool:
    """Without Airflow's own database no task can say anything; the stack's status does."""
    del since
    ill = {line.name for line in stack.status(running_stack.environment) if not line.is_as_it_should_be}
    return {"postgres", "api-server", "scheduler"} <= ill


OUTAGES: Mapping[str, Callable[[RunningStack], AbstractContextManager[None]]] = {
    "s3": partial(_stopped, "s3"),
    "slack": partial(_stopped, "slack"),
    "ledger": _ledger_closed,
    "postgres": partial(_stopped, "postgres"),
}
TOLD: Mapping[str, Callable[[RunningStack, float], object]] = {
    "s3": partial(_in_task_logs, "s3://cali/.* did not answer"),
    "slack": _in_outbox,
    "ledger": partial(_in_task_logs, "CALI's Postgres did not answer"),
    "postgres": _in_status,
}
