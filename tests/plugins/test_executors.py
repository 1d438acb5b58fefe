"""The executor: a worker that died by a signal and a standstill end the scheduler, any other end does not."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from cali import executors
from cali.executors import LEFT_TO_ITS_SUPERVISOR, Overseer, WatchfulLocalExecutor, violent_deaths
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


def exit_code_of(schedule: Callable[[WatchfulLocalExecutor], None]) -> int | None:
    """Return the exit code of a scheduler that does this alone with its executor; 0 if it gets to its end."""

    def run() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever the process that runs the tests does with it
        executor = WatchfulLocalExecutor(parallelism=2)
        executor.start()
        workers = list(executor.workers)
        schedule(executor)
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os._exit(0)

    process = FORK.Process(target=run)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.parametrize(
    ("sent", "exit_code"),
    [(signal.SIGKILL, LEFT_TO_ITS_SUPERVISOR), (signal.SIGTERM, 0)],
)
def test_the_scheduler_ends_when_a_worker_died_by_a_signal(sent: signal.Signals, exit_code: int) -> None:
    """It leaves by a code of its own and waits for nobody: the workers' lock may have no owner any more."""

    def look_after_a_death(executor: WatchfulLocalExecutor) -> None:
        first, *_ = executor.workers
        os.kill(first, sent)
        eventually(lambda: not executor.workers[first].is_alive(), 20, lambda: "the worker lives on")
        executor.sync()

    assert exit_code == exit_code_of(look_after_a_death)


def test_a_scheduler_whose_loop_stands_still_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that a dead worker took along holds the loop itself; the overseer is not held by it."""
    monkeypatch.setattr(executors, "STANDSTILL_S", 0.1)

    def stand_still(executor: WatchfulLocalExecutor) -> None:
        taken = threading.Thread(target=executor._unread_messages.acquire)
        taken.start()
        taken.join()
        executor.heartbeat()  # asks for the same lock

    assert exit_code_of(stand_still) == LEFT_TO_ITS_SUPERVISOR


def test_an_end_that_waits_for_a_worker_that_hears_nothing_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped worker never takes the message that tells it to end."""
    monkeypatch.setattr(executors, "FAREWELL_S", 0.1)

    def end(executor: WatchfulLocalExecutor) -> None:
        for pid in executor.workers:
            os.kill(pid, signal.SIGSTOP)
        executor.end()

    assert exit_code_of(end) == LEFT_TO_ITS_SUPERVISOR


def test_an_end_in_good_order_is_left_alone() -> None:
    """Workers that hear the message end, and the scheduler goes its own way."""
    assert exit_code_of(lambda executor: executor.end()) == 0


def test_the_newest_promise_counts() -> None:
    """Only the newest promise counts, and one that is not kept is told once."""
    told: list[str] = []
    overdue = threading.Event()

    def tell(what: str) -> None:
        told.append(what)
        overdue.set()

    overseer = Overseer(tell, look_every_s=0.001)
    overseer.promise(3600, "first")
    overseer.promise(0, "second")
    assert overdue.wait(20)
    overseer._thread.join(20)
    assert told == ["second"]


def test_who_rests_promises_nothing() -> None:
    """After the end nobody is called, whatever was promised before."""
    overseer = Overseer(pytest.fail, look_every_s=0.001)
    overseer.promise(3600, "end")
    overseer.rest()
    overseer._thread.join(20)
    assert not overseer._thread.is_alive()
