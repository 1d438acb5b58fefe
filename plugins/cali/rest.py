"""How a scheduler rests between two turns of its loop: until one cheap look at its database finds work.

Airflow looks for work by doing a whole turn: some thirty statements through its ORM, 37 ms of CPU in the scheduler and
12 in Postgres, four times a second, found or not. That was most of what an idle stack took. One statement that only
asks takes a fortieth of it, so a rest can ask more often for less, and sees work sooner.

What the look does not see (a retry that is due, a deadline that has passed) waits for the longest rest, two seconds.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
LONGEST_S = 2.0

WORK = text("""
    select exists (select 1 from task_instance where state = 'scheduled')
        or exists (select 1 from dag_run where state = 'queued')
        or exists (
            select 1 from dag_run join task_instance on task_instance.dag_id = dag_run.dag_id
             and task_instance.run_id = dag_run.run_id and task_instance.updated_at > last_scheduling_decision
            where dag_run.state = 'running'
        )
        or exists (
            select 1 from asset_dag_run_queue join dag on dag_id = target_dag_id where not (is_paused or is_stale)
        )
        or exists (
            select 1 from dag
            where next_dagrun_create_after <= now()
              and not (is_paused or is_stale or exceeds_max_non_backfill or coalesce(has_import_errors, false))
        )
""")
"""A task that is ready, a run that was asked for, or whose tasks changed, an asset's event, a DAG that is due."""


def work_waits() -> bool:
    """Look into Airflow's database; one that is away counts as work, for the scheduler has its own way to meet that."""
    from airflow import settings  # noqa: PLC0415 - its engine is made when a process starts, and anew after a fork

    try:
        with settings.get_engine().connect() as connection:
            return bool(connection.execution_options(isolation_level="AUTOCOMMIT").scalar(WORK))
    except DBAPIError as error:
        log.warning("cannot look for work: %s", error.orig)
        return True


class Rest:
    """A scheduler's rest; ``look`` returns whether work waits, ``clock`` seconds that never go back."""

    def __init__(self, look: Callable[[], bool] = work_waits, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._in_vain = 0

    def after_turn(self, wait: Callable[[float], bool], *, busy: bool) -> None:
        """Rest until there is work, for at least one wait and at most ``LONGEST_S``; not at all after a busy turn.

        Work that turn after turn does nothing about (a run that waits for others of its DAG to end) is asked for less
        and less often.

        Args:
            wait: waits for so many seconds, or less when a task has ended; returns whether one has.
            busy: whether the turn gave tasks to workers or learnt of ended ones, so that more may follow at once.
        """
        if busy:
            self._in_vain = 0
            return
        wake = self._clock() + LONGEST_S
        ended = wait(min(LOOK_EVERY_S * 2**self._in_vain, LONGEST_S))
        found = False
        while not ended and self._clock() < wake and not (found := self._look()):
            ended = wait(LOOK_EVERY_S)
        self._in_vain = self._in_vain + 1 if found else 0
