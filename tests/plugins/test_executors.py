"""The executor: a worker that died by a signal ends the scheduler, any other end does not."""

import multiprocessing
import os
import signal
from collections.abc import Callable

import pytest

from cali.executors import LEFT_TO_ITS_SUPERVISOR, WatchfulLocalExecutor, violent_deaths
from tests.eventually import eventually

FORK = multiprocessing.get_context("fork")


@pytest.mark.parametrize(
    ("exit_codes", "signals"),
    [
        ([None, 0, 1], []),
        ([None, -signal.SIGTERM], []),
        ([None, -signal.SIGKILL, 0], [signal.SIGKILL]),
        ([-signal.SIGSEGV, -signal.SIGTERM], [signal.SIGSEGV]),
    ],
)
def test_a_violent_death_is_one_by_a_signal_that_nobody_sends_in_good_order(
    exit_codes: list[int | None], signals: list[int]
) -> None:
    """A worker that runs, has ended or was told to end is none."""
    assert signals == violent_deaths(exit_codes)


def scheduler_after(end_worker: Callable[[int], None]) -> int | None:
    """Return the exit code of a process that ran the executor and looked after its workers when one had ended."""

    def schedule() -> None:
        executor = WatchfulLocalExecutor(parallelism=2)
        executor.start()
        first, *_ = executor.workers
        end_worker(first)
        eventually(lambda: not executor.workers[first].is_alive(), 20, lambda: "the worker lives on")
        executor.sync()
        # Whoever is not ended goes on to here, and ends without waiting for the other worker.
        for worker in executor.workers.values():
            worker.kill()
        os._exit(0)

    process = FORK.Process(target=schedule)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.parametrize(
    ("sent", "exit_code"),
    [(signal.SIGKILL, LEFT_TO_ITS_SUPERVISOR), (signal.SIGTERM, 0)],
)
def test_the_scheduler_ends_when_a_worker_died_by_a_signal(sent: signal.Signals, exit_code: int) -> None:
    """It leaves by a code of its own and waits for nobody: the workers' lock may have no owner any more."""
    assert exit_code == scheduler_after(lambda pid: os.kill(pid, sent))
