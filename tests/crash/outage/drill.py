"""One outage: records flow, a server goes and comes back, and somebody looks how long the work stays behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random

from include.records import utc_now
from include.settings import Pace, StreamSettings
from tests.crash.child import Order, Step, start
from tests.crash.outage.gauge import Gauge, Reading
from tests.crash.outage.loops import RETRY_DELAY_S, Loop
from tests.crash.site import Site
from tests.telling import Say

DRAIN = (Step.DRAIN,)
PROCESS = (Step.VALIDATE, Step.ALERT, Step.DISPATCH, Step.AUDIT)
ERROR_RATE, MALFORMED_RATE = 0.3, 0.01
STEP_S = 0.05
LOOK_S = 0.5
LOOKS_TOLD = 20
"""The timeline has about so many lines for each phase."""
IN_HAND_S = 5.0
"""Records of so many seconds are no backlog, even if there were fewer under way before the outage."""
SIMULATOR_STOP_S = 20.0
REST_S = 120.0


class How(StrEnum):
    """How a server goes."""

    KILL = "kill"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do: which server goes how, for how many seconds, at which rate (records a second) and pace.

    ``before`` is for how many seconds all is well first, ``after`` for how many records go on when the backlog is gone;
    ``within`` is in how many it has to be gone. ``retry_delay`` is a task's first, in seconds.
    """

    server: str
    stream: str = "outage"
    pace: Pace = Pace.BALANCED
    how: How = How.KILL
    seconds: float = 60.0
    rate: float = 500.0
    before: float = 30.0
    after: float = 3.0
    within: float = 60.0
    retry_delay: float = RETRY_DELAY_S
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """Backlogs in records, times in seconds.

    Attributes:
        ordinary: the largest backlog before the outage. largest: the largest at all.
        restart_s: how long the server took to answer again.
        gone_s: how long after that everything was through that had arrived until then, and no more was waiting than is
            under way at any time; None when it took too long.
        failed: tries of tasks that failed.
    """

    ordinary: int
    largest: int
    restart_s: float
    gone_s: float | None
    failed: int


class Drill:
    """Carries out a plan on a site; ``say`` is told the timeline."""

    def __init__(self, site: Site, plan: Plan, say: Say) -> None:
        self._site = site
        self._plan = plan
        self._say = say
        rng = Random(plan.seed)
        hints = StreamSettings(kinesis_stream=plan.stream, pace=plan.pace).hints()
        self._loops = [
            Loop(site, Order(stream=plan.stream, steps=steps, hints=hints), rng, plan.retry_delay)
            for steps in (DRAIN, PROCESS)
        ]
        self._gauge = Gauge(site.postgres_uri, plan.stream, site.journal(plan.stream))
        self._largest = 0
        self._every = (plan.before + plan.seconds) / LOOKS_TOLD

    def run(self) -> Outcome:
        """Carry it out, and let all work be finished at the end.

        Raises:
            TransientError: the server did not come back.
            TimeoutError: work was left long after the producer had stopped, or hung.
        """
        plan, switch = self._plan, self._site.switches[self._plan.server]
        self._site.create_stream(plan.stream)
        with producing(self._site, plan):
            self._watch("warming up", REST_S, lambda reading: reading.finished > 0)
            self._watch("all is well", plan.before)
            ordinary = self._largest
            {How.KILL: switch.kill, How.STOP: switch.off}[plan.how]()
            self._watch(f"{plan.server} is away", plan.seconds)
            # On a slow machine a short outage could pass between two tasks.
            self._watch(f"{plan.server} is away", REST_S, lambda _: self._failed() > 0)
            began = time.monotonic()
            switch.on()
            restart_s, back = time.monotonic() - began, utc_now()
            gone_s = self._recovery(back, max(ordinary, plan.rate * IN_HAND_S))
            self._watch("all is well again", plan.after)
        self._finish()
        return Outcome(ordinary, self._largest, restart_s, gone_s, self._failed())

    def _recovery(self, back: datetime, in_hand: float) -> float | None:
        began = time.monotonic()
        through = self._watch(
            "catching up", self._plan.within, lambda reading: reading.through(back) and reading.backlog <= in_hand
        )
        return time.monotonic() - began if through else None

    def _watch(self, phase: str, seconds: float, until: Callable[[Reading], bool] = lambda _: False) -> bool:
        """Let everything go on for so long, or until a reading is as it should be; return whether one was."""
        end, told, looked = time.monotonic() + seconds, 0.0, 0.0
        while (now := time.monotonic()) < end:
            for loop in self._loops:
                loop.go_on()
            if now - looked >= LOOK_S:
                looked = now
                reading = self._gauge.read()
                self._largest = max(self._largest, reading.backlog)
                done = until(reading)
                if done or now - told >= self._every:
                    told = now
                    self._tell(phase, reading)
                if done:
                    return True
            time.sleep(STEP_S)
        return False

    def _tell(self, phase: str, reading: Reading) -> None:
        self._say(
            f"{phase:18}  put {reading.put:7,}  drained {reading.drained:7,}  through {reading.finished:7,}"
            f"  backlog {reading.backlog:7,}  failed tries {self._failed():3}"
        )

    def _failed(self) -> int:
        return sum(loop.failed for loop in self._loops)

    def _finish(self) -> None:
        """Let the loops do what is left, by themselves; then send what Slack must still be told."""
        if not self._watch("no more records", REST_S, lambda reading: reading.backlog == 0):
            raise TimeoutError(f"Work was left {REST_S:.0f} s after the last record; see {self._site.log}")
        for loop in self._loops:
            loop.finish()
        last = start(Order(stream=self._plan.stream, owner="last", until_idle=True), self._site)
        if not last.ended_within(REST_S) or last.exit_code != 0:
            last.kill()
            raise TimeoutError(f"The last messages were not sent; see {self._site.log}")


@contextmanager
def producing(site: Site, plan: Plan) -> Iterator[None]:
    """Run the simulator as a program of its own, with its journal; at the end its call in flight is finished."""
    kinesis = site.switches["kinesis"].server
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL_KINESIS": kinesis.address,
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test"),
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    options = {
        "--kinesis-stream": plan.stream,
        "--journal": site.journal(plan.stream),
        "--rate": plan.rate,
        "--seed": plan.seed,
        "--error-rate": ERROR_RATE,
        "--malformed-rate": MALFORMED_RATE,
    }
    arguments = [str(part) for option in options.items() for part in option]
    with (site.folder / "simulator.log").open("ab") as log:
        command = [sys.executable, "-m", "include.simulator", *arguments]
        simulator = subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)
        try:
            yield
        finally:
            simulator.terminate()
            simulator.wait(SIMULATOR_STOP_S)
