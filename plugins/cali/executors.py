"""``WatchfulLocalExecutor``: Airflow's LocalExecutor, which a worker's violent death cannot bring to a silent stop.

LocalExecutor's workers take their tasks from one queue under one lock. A worker that dies by a signal while it holds
that lock (SIGKILL, the kernel's out-of-memory killer, a segmentation fault) takes it along: no other worker ever gets
a task again, while the scheduler looks healthy. Who held the lock cannot be told, so the scheduler ends, loudly, and
whatever supervises it starts it anew with a new queue. Tasks that ran are found orphaned and tried again.

Set it with ``[core] executor = cali.executors.WatchfulLocalExecutor``. The scheduler has to run under a supervisor.
"""

import os
import signal
from collections.abc import Iterable

from airflow.executors.local_executor import LocalExecutor

LEFT_TO_ITS_SUPERVISOR = 70
"""The scheduler's exit code: ``EX_SOFTWARE``, an internal error."""


def violent_deaths(exit_codes: Iterable[int | None]) -> list[int]:
    """Return the signals that ended a worker; SIGTERM is how the scheduler's own supervisor ends all of them."""
    return [-code for code in exit_codes if code is not None and code < 0 and -code != signal.SIGTERM]


class WatchfulLocalExecutor(LocalExecutor):
    """A LocalExecutor that ends its scheduler when a worker died by a signal."""

    def _check_workers(self) -> None:
        if died_by := violent_deaths(worker.exitcode for worker in self.workers.values()):
            self._end_scheduler(signal.Signals(died_by[0]).name)
        super()._check_workers()  # type: ignore[no-untyped-call]

    def _end_scheduler(self, died_by: str) -> None:
        self.log.critical(
            "a worker died by %s and may have taken the tasks' queue along; ending the scheduler for its supervisor to "
            "start it anew. Tasks that ran are tried again",
            died_by,
        )
        for worker in self.workers.values():
            worker.kill()
        # Not by an exception: on its way out LocalExecutor would wait for workers that wait for the lock.
        os._exit(LEFT_TO_ITS_SUPERVISOR)
