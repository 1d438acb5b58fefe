"""Slack goes away in three ways, one after the other, while groups open and grow; then it comes back."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from random import Random
from subprocess import Popen
from typing import Any

import psycopg

from local.servers.server import running
from tests.crash.child import Order, Step, start
from tests.crash.outage.loops import RETRY_DELAY_S, Loop
from tests.crash.producer import Producer
from tests.crash.site import Site, free_ports
from tests.crash.slack_outage.gate import Gate, Mode
from tests.telling import Say

DRAIN = (Step.DRAIN,)
PROCESS = (Step.VALIDATE, Step.ALERT, Step.DISPATCH, Step.AUDIT)
WAYS = ("refused", Mode.ERROR, Mode.THROTTLE)
STEP_S = 0.05
LOOK_S = 0.5
REST_S = 180.0
DISPATCH_S = 5.0
LINES = 6
"""The timeline has about so many lines for each phase."""
WAITING = """
    select count(*) as waiting from cali.alert_outbox as outbox
    join cali.alert_groups as groups on groups.id = outbox.group_id
    where groups.stream = %(stream)s and outbox.kind = 'open' and outbox.state not in ('sent', 'withdrawn')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do: for how many ``seconds`` Slack is away, a third of them in each way.

    Each ``put_every`` seconds ``records`` are put, with one problem among them that nobody has seen; ``before`` is for
    how many seconds all is well first.
    """

    stream: str = "slack-outage"
    seconds: float = 600.0
    before: float = 20.0
    put_every: float = 4.0
    records: int = 160
    retry_delay: float = RETRY_DELAY_S
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen on the way.

    Attributes:
        opened: problems that were new while Slack was away. waiting: first messages that waited at most.
        told_s: seconds after Slack was back until none waited. failed: tries of tasks that failed.
        put: the alertable records that were put, by what groups them.
    """

    opened: int
    waiting: int
    told_s: float
    failed: int
    put: Counter[str]


class SlackDrill:
    """Carries out a plan on a site; ``say`` is told the timeline."""

    def __init__(self, site: Site, plan: Plan, say: Say) -> None:
        self._site = site
        self._plan = plan
        self._say = say
        (self._port,) = free_ports(1)
        self._behind = replace(site, slack_api=f"{self._gate(Mode.OPEN).address}/api/")
        rng = Random(plan.seed)
        self._loops = [
            Loop(self._behind, Order(stream=plan.stream, steps=steps, dispatch_s=DISPATCH_S), rng, plan.retry_delay)
            for steps in (DRAIN, PROCESS)
        ]
        self._waiting = 0
        self._next_put = 0.0

    def run(self) -> Outcome:
        """Carry it out, and let all work be finished at the end.

        Raises:
            TransientError: the gate did not open, or an answer of Kinesis to the producer was lost.
            TimeoutError: work was left long after Slack was back.
        """
        plan = self._plan
        self._site.create_stream(plan.stream)
        with Producer(self._site, plan.stream, plan.seed) as producer:
            with self._open():
                self._watch("all is well", producer, plan.before)
            known = len(producer.fingerprints)
            for way in WAYS:
                with self._away(way):
                    self._watch(f"Slack: {way}", producer, plan.seconds / len(WAYS))
            opened = len(producer.fingerprints) - known
            with self._open():
                began = time.monotonic()
                if not self._watch("Slack is back", None, REST_S, lambda: self._left() == 0):
                    raise TimeoutError(
                        f"First messages waited {REST_S:.0f} s after Slack was back; see {self._site.log}"
                    )
                told_s = time.monotonic() - began
                self._finish()
        failed = sum(loop.failed for loop in self._loops)
        return Outcome(opened, self._waiting, told_s, failed, producer.fingerprints)

    def _gate(self, mode: Mode) -> Gate:
        return Gate(self._port, self._site.slack_api, mode)

    def _open(self) -> AbstractContextManager[Popen[bytes]]:
        return running(self._gate(Mode.OPEN), self._site.folder / "gate.log")

    def _away(self, way: str) -> AbstractContextManager[Any]:
        return running(self._gate(way), self._site.folder / "gate.log") if isinstance(way, Mode) else nullcontext()

    def _watch(
        self, phase: str, producer: Producer | None, seconds: float, until: Callable[[], bool] = lambda: False
    ) -> bool:
        """Let everything go on for so long, or until something is so; return whether it was."""
        end, told, looked = time.monotonic() + seconds, 0.0, 0.0
        while (now := time.monotonic()) < end:
            for loop in self._loops:
                loop.go_on()
            if producer and now >= self._next_put:
                self._next_put = now + self._plan.put_every
                producer.put(self._plan.records)
                self._waiting = max(self._waiting, self._left())
            if now - looked >= LOOK_S:
                looked = now
                if until():
                    return True
            if producer and now - told >= seconds / LINES:
                told = now
                self._say(
                    f"{phase:16}  put {producer.fingerprints.total():7,} alertable  {self._left():4} wait for Slack"
                )
            time.sleep(STEP_S)
        return False

    def _left(self) -> int:
        with psycopg.connect(self._site.postgres_uri, autocommit=True) as connection:
            row = connection.execute(WAITING, {"stream": self._plan.stream}).fetchone()
        return int(row[0]) if row else 0

    def _finish(self) -> None:
        """Let the loops end their tries; then let one child do all that is left."""
        for loop in self._loops:
            loop.finish()
        last = start(Order(stream=self._plan.stream, owner="last", until_idle=True), self._behind)
        if not last.ended_within(REST_S) or last.exit_code != 0:
            last.kill()
            raise TimeoutError(f"Work was left {REST_S:.0f} s after the last record; see {self._site.log}")
