"""What Airflow does all the time: one run of a DAG after the other, each task tried again a few times when it fails."""

import itertools
import time
from collections import Counter
from dataclasses import replace
from random import Random

from tests.crash.child import Child, Order, start
from tests.crash.site import Site

RETRIES = 3
RETRY_DELAY_S = 2.0
LONGEST_RETRY_DELAY_S = 30.0
"""As ``plugins/cali/pipelines.py`` sets them for every task."""
BETWEEN_RUNS_S = 0.5
"""How long Airflow takes from a run's end to the next one's first task, at least."""
LONGEST_RUN_S = 120.0


def retry_delay_s(tries: int, rng: Random, first: float = RETRY_DELAY_S) -> float:
    """Return how long a task rests that has failed so many times: twice as long each time, with Airflow's spread."""
    least = first * 2.0 ** (tries - 1)
    return min(least + rng.random() * least, LONGEST_RETRY_DELAY_S)


class Loop:
    """One DAG's runs, each one cycle of ``order`` under a name of its own; ``go_on`` never waits.

    ``tries`` counts tasks by their exit code: 0 has ended well.
    """

    def __init__(self, site: Site, order: Order, rng: Random, retry_delay: float = RETRY_DELAY_S) -> None:
        self._site = site
        self._order = replace(order, cycles=1, strict=True)
        self._rng = rng
        self._retry_delay = retry_delay
        self._runs = itertools.count(1)
        self._child: Child | None = None
        self.tries: Counter[int] = Counter()
        self._next_run(0.0)

    def go_on(self) -> None:
        """Start the next try when its time has come, and take note of one that has ended."""
        if self._child is None:
            if time.monotonic() >= self._due:
                self._child = start(replace(self._order, owner=self._run), self._site)
        elif self._child.ended_within(0):
            self._ended(self._child.exit_code or 0)

    def finish(self) -> None:
        """Let the present try end, and start no other.

        Raises:
            TimeoutError: it did not end.
        """
        if self._child is not None and not self._child.ended_within(LONGEST_RUN_S):
            self._child.kill()
            raise TimeoutError(f"A run's try did not end within {LONGEST_RUN_S:.0f} s; see {self._site.log}")

    @property
    def failed(self) -> int:
        """How many tries failed."""
        return self.tries.total() - self.tries[0]

    def _ended(self, code: int) -> None:
        self._child = None
        self.tries[code] += 1
        self._failures += code != 0
        if code and self._failures <= RETRIES:
            self._due = time.monotonic() + retry_delay_s(self._failures, self._rng, self._retry_delay)
        else:
            self._next_run(BETWEEN_RUNS_S)

    def _next_run(self, seconds: float) -> None:
        self._run = f"{self._order.steps[0].name.lower()}-{next(self._runs)}"
        self._failures = 0
        self._due = time.monotonic() + seconds
