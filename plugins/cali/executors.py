"""``WatchfulLocalExecutor``: Airflow's LocalExecutor, which a worker's violent death cannot bring to a silent stop.

LocalExecutor's workers take their tasks from one queue under one lock. A worker that dies by a signal while it holds
that lock (SIGKILL, the kernel's out-of-memory killer, a segmentation fault) takes it along: no other worker ever gets
a task again, while the scheduler looks healthy, and a scheduler that wants to end waits for such workers for ever. Who
held the lock cannot be told, so the scheduler ends, loudly, and whatever supervises it starts it anew with a new queue.
Tasks that ran are found orphaned and tried again.

It is also where the scheduler rests between two turns of its loop (see ``cali.rest``): set
``[scheduler] scheduler_idle_sleep_time = 0``, or Airflow's own sleep comes on top.

Set it with ``[core] executor = cali.executors.WatchfulLocalExecutor``. The scheduler has to run under a supervisor.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing import connection
from typing import Any

from airflow.executors.local_executor import LocalExecutor

from cali.rest import Rest

LEFT_TO_ITS_SUPERVISOR = 70
"""The scheduler's exit code: ``EX_SOFTWARE``, an internal error."""
STANDSTILL_S = 60.0
"""How long a scheduler's loop may take: twice what Airflow allows a heartbeat before it calls a scheduler unhealthy."""
FAREWELL_S = 15.0
"""How long an end in good order may take: less than a supervisor's patience before it kills (20 s here)."""
LOOK_EVERY_S = 1.0


def violent_deaths(exit_codes: Iterable[int | None]) -> list[int]:
    """Return the signals that ended a worker; SIGTERM is how the scheduler's own supervisor ends all of them."""
    return [-code for code in exit_codes if code is not None and code < 0 and -code != signal.SIGTERM]


class Overseer:
    """A thread that calls ``on_overdue(what)`` once a promise is not kept: ``promise`` again in time, or ``rest``.

    A thread, because what it looks for is a main thread that waits for a lock or a pipe that nobody will ever give.
    """

    def __init__(self, on_overdue: Callable[[str], None], look_every_s: float = LOOK_EVERY_S) -> None:
        self._on_overdue = on_overdue
        self._look_every_s = look_every_s
        self._resting = threading.Event()
        self._promise: tuple[float, str] | None = None
        self._thread = threading.Thread(target=self._watch, name="overseer", daemon=True)

    def promise(self, seconds: float, what: str) -> None:
        """Promise to be back within so many seconds; ``what`` is said of who is not."""
        self._promise = (time.monotonic() + seconds, what)
        if not self._thread.is_alive() and not self._resting.is_set():
            self._thread.start()

    def rest(self) -> None:
        """Promise nothing any more."""
        self._resting.set()

    def _watch(self) -> None:
        while not self._resting.wait(self._look_every_s):
            due, what = self._promise or (float("inf"), "")
            if time.monotonic() > due:
                self._on_overdue(what)
                return


class WatchfulLocalExecutor(LocalExecutor):
    """A LocalExecutor that ends its scheduler when a worker died by a signal, or when the scheduler stands still."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - LocalExecutor's own
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._overseer = Overseer(self._end_scheduler)
        self._rest = Rest()

    def heartbeat(self) -> None:
        """Do what comes with each turn of the scheduler's loop, rest after an idle one, and promise the next turn."""
        self._overseer.promise(STANDSTILL_S, f"the scheduler's loop has stood still for {STANDSTILL_S:.0f} s")
        begun = bool(self.queued_tasks or self.queued_callbacks)
        super().heartbeat()
        self._rest.after_turn(self._wait, busy=begun or bool(self.event_buffer))
        self.sync()

    def _wait(self, seconds: float) -> bool:
        """Wait, but not longer than until a worker says that its task has ended; return whether one has."""
        return bool(connection.wait([self.result_queue._reader], seconds))  # type: ignore[attr-defined]  # noqa: SLF001

    def end(self) -> None:
        """Wait for the workers, but not for ever."""
        self._overseer.promise(FAREWELL_S, f"workers have not ended within {FAREWELL_S:.0f} s")
        super().end()
        self._overseer.rest()

    def _check_workers(self) -> None:
        if died_by := violent_deaths(worker.exitcode for worker in self.workers.values()):
            self._end_scheduler(
                f"a worker died by {signal.Signals(died_by[0]).name} and may have taken the tasks' queue along"
            )
        super()._check_workers()  # type: ignore[no-untyped-call]

    def _end_scheduler(self, because: str) -> None:
        self.log.critical(
            "%s; ending the scheduler for its supervisor to start it anew. Tasks that ran are tried again", because
        )
        for worker in list(self.workers.values()):
            with suppress(ValueError):  # it has ended and was closed
                worker.kill()
        # Not by an exception: on its way out LocalExecutor would wait for workers that wait for the lock.
        os._exit(LEFT_TO_ITS_SUPERVISOR)
