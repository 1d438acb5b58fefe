"""Kill, restart, kill again: the parent's side of a crash test."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import NamedTuple

from tests.crash.child import ALL_STEPS, Child, Order, Step, start
from tests.crash.points import OF_DISPATCH, Point
from tests.crash.producer import Producer
from tests.crash.site import Site
from tests.telling import Say

PUT = 12
"""Records of the generator in one put."""
OTHER_RUN_SHARE = 0.5
"""The share of dead children whose work another run takes over, instead of a retry under the same name."""
JUMP = timedelta(seconds=100)
"""How far the world's clock jumps for another run: past the stages' lease of 60 s and the messages'."""
LATEST_OCCURRENCE = 2
TOP_UP_S = 0.3
REACH_S = 30.0
SETTLE_S = 120.0
CALM_EVERY = 25
"""After so many random kills one child finishes its cycle, so that work does not pile up behind the kills."""
OVERSHOOT = 1.2
"""Random kills come within so many times the length of an undisturbed cycle."""

Kill = Callable[["Part", Producer], Step]


class CrashTestError(Exception):
    """The crash test itself cannot go on: a child broke, or never came to its point. Its log says why."""


class Part(NamedTuple):
    """So many kills at one point; without a point, at random moments."""

    point: Point | None
    kills: int

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.point or "at random"

    @property
    def stream(self) -> str:
        """The stream that these kills have for themselves."""
        return self.point.name.lower() if self.point else "random"


class Focus(NamedTuple):
    """What is killed: a child that takes ``steps``, at one of ``points``.

    At random it is one that takes ``random_steps``, when another has taken those before them and lived.
    """

    points: Sequence[Point]
    steps: Sequence[Step]
    random_steps: Sequence[Step]

    @property
    def before_random(self) -> Sequence[Step]:
        """The steps that come before those of a random kill."""
        return self.steps[: self.steps.index(self.random_steps[0])]


EVERYTHING = Focus(tuple(Point), ALL_STEPS, ALL_STEPS)
DISPATCH = Focus(OF_DISPATCH, (Step.DRAIN, Step.VALIDATE, Step.ALERT, Step.DISPATCH), (Step.DISPATCH,))
FOCUSES = {"all": EVERYTHING, "dispatch": DISPATCH}


@dataclass(slots=True)
class PartLog:
    """What was done in a part: kills, who took the dead one's work over, where random kills hit."""

    part: Part
    same_run: int = 0
    other_run: int = 0
    hits: Counter[Step] = field(default_factory=Counter)
    fingerprints: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def plan(kills: int, rng: Random, points: Sequence[Point] = EVERYTHING.points) -> list[Part]:
    """Share the kills out: half of them evenly over the points, half at random moments.

    With fewer than a kill for each point, the generator chooses the points.
    """
    named = kills - kills // 2
    each, left = divmod(named, len(points))
    more = set(rng.sample(list(points), left))
    parts = [Part(point, each + (point in more)) for point in points]
    return [part for part in [*parts, Part(None, kills // 2)] if part.kills]


class Campaign:
    """A whole crash test on a site; ``say`` is told how it gets on."""

    def __init__(self, site: Site, seed: int, say: Say, focus: Focus = EVERYTHING) -> None:
        self._site = site
        self._focus = focus
        self._seed = seed
        self._rng = Random(seed)
        self._say = say
        self._ahead = timedelta(0)
        self._runs = 0
        self._killed = 0

    def run(self, kills: int) -> list[PartLog]:
        """Carry out so many kills and let the survivors finish all work.

        Raises:
            CrashTestError: a child broke, or did not come to its point.
            TransientError: an answer of Kinesis to the producer was lost.
        """
        parts = plan(kills, self._rng, self._focus.points)
        return [self.run_part(part, kills) for part in parts]

    def run_part(self, part: Part, kills: int) -> PartLog:
        """Carry out one part on a stream of its own, of ``kills`` in all."""
        began, log = time.monotonic(), PartLog(part)
        self._site.create_stream(part.stream)
        with Producer(self._site, part.stream, self._rng.getrandbits(32)) as producer:
            kill = self._at_point if part.point else self._at_random(part, producer)
            for number in range(1, part.kills + 1):
                producer.put(PUT)
                log.hits[kill(part, producer)] += 1
                self._hand_over(log)
                self._killed += 1
                if number % CALM_EVERY == 0:
                    self._say(f"{self._killed} of {kills} kills ({part.title})")
            self._settle(part.stream)
            log.fingerprints = producer.fingerprints
        log.seconds = time.monotonic() - began
        self._say(f"{self._killed} of {kills} kills ({part.title}: all work done after {log.seconds:.1f} s)")
        return log

    def _at_point(self, part: Part, producer: Producer) -> Step:
        """Start a child that kills itself at the point, and feed it until it has come there."""
        occurrence = self._rng.randint(1, LATEST_OCCURRENCE)
        order = self._order(part.stream, steps=self._focus.steps, point=part.point, occurrence=occurrence)
        child = start(order, self._site)
        deadline = time.monotonic() + REACH_S
        while not child.ended_within(TOP_UP_S):
            if time.monotonic() > deadline:
                child.kill()
                raise CrashTestError(f"No child came to {part.point!r} within {REACH_S:.0f} s; see {self._site.log}")
            producer.put(PUT)
        return self._died(child)

    def _at_random(self, part: Part, producer: Producer) -> Kill:
        """Return how to start a child and kill it within about one cycle."""
        producer.put(PUT)
        steps, before = self._focus.random_steps, self._focus.before_random
        rhythm = _Rhythm(lambda: self._calm_cycle(part.stream, steps))

        def kill(part: Part, _: Producer) -> Step:
            if before:
                self._calm_cycle(part.stream, before)
            # The square favours the short steps: more than half of a cycle is the audit.
            delay = self._rng.random() ** 2 * OVERSHOOT * rhythm.cycle_s()
            child = start(self._order(part.stream, steps=steps), self._site)
            child.ended_within(delay)
            return self._died(child)

        return kill

    def _died(self, child: Child) -> Step:
        step = child.kill()
        if child.exit_code != -signal.SIGKILL:
            raise CrashTestError(f"A child ended with {child.exit_code} before it was killed; see {self._site.log}")
        return step

    def _calm_cycle(self, stream: str, steps: Sequence[Step]) -> float:
        """Let a child finish one cycle of the steps; return how many seconds that took."""
        began = time.monotonic()
        self._finish(self._order(stream, steps=steps, cycles=1))
        return time.monotonic() - began

    def _settle(self, stream: str) -> None:
        """Let a child do all that is left, and let the time pass that it skipped."""
        self._finish(self._order(stream, until_idle=True))
        self._ahead += JUMP

    def _finish(self, order: Order) -> None:
        child = start(order, self._site)
        if not child.ended_within(SETTLE_S):
            child.kill()
            raise CrashTestError(f"Work was left after {SETTLE_S:.0f} s; see {self._site.log}")
        if child.exit_code != 0:
            raise CrashTestError(f"A child ended with {child.exit_code}; see {self._site.log}")

    def _hand_over(self, log: PartLog) -> None:
        """Decide who takes the dead child's work over."""
        if self._rng.random() < OTHER_RUN_SHARE:
            self._runs += 1
            self._ahead += JUMP
            log.other_run += 1
        else:
            log.same_run += 1

    def _order(self, stream: str, **more: object) -> Order:
        return Order(stream=stream, owner=f"run-{self._runs}", ahead=self._ahead, **more)  # type: ignore[arg-type]


class _Rhythm:
    """How long a cycle takes, measured anew every so many kills."""

    def __init__(self, measure: Callable[[], float]) -> None:
        self._measure = measure
        self._asked = 0
        self._seconds = 0.0

    def cycle_s(self) -> float:
        if self._asked % CALM_EVERY == 0:
            self._seconds = self._measure()
        self._asked += 1
        return self._seconds
