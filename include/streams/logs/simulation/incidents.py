"""Which incidents are on at an instant: they take turns, and now and then the next starts before the last is over."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from include.streams.logs.simulation.scenarios import SCENARIOS, Scenario

SHORTEST_S, LONGEST_S = 12.0, 20.0
OVERLAP_SHARE = 0.3
OVERLAP_S = 5.0
FORETOLD_S = 4.0
"""How long before its first ERROR a scenario's warnings appear."""
PLANNED = 3
"""How many episodes are known ahead, the running one included."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One scenario's turn, from ``start`` up to ``end``."""

    scenario: Scenario
    start: datetime
    end: datetime


class Incidents:
    """The endless row of episodes; each scenario has its turn before one has a second.

    Asked with instants that go forward. After a leap past all planned episodes the row goes on from there, and an
    instant before the first episode counts as its beginning.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._episodes: deque[Episode] = deque()
        self._round: list[Scenario] = []

    def active(self, now: datetime) -> list[Scenario]:
        """Return the scenarios that fail at ``now``; one, or two while episodes overlap."""
        self._advance(now)
        on = [episode.scenario for episode in self._episodes if episode.start <= now < episode.end]
        return on or [self._episodes[0].scenario]

    def foretold(self, now: datetime) -> list[Scenario]:
        """Return the scenarios whose warnings show at ``now``: those that fail, and those about to."""
        self._advance(now)
        soon = now + timedelta(seconds=FORETOLD_S)
        return [episode.scenario for episode in self._episodes if episode.start <= soon and now < episode.end]

    def _advance(self, now: datetime) -> None:
        while len(self._episodes) < PLANNED or self._episodes[0].end <= now:
            if self._episodes and self._episodes[0].end <= now:
                self._episodes.popleft()
            else:
                self._episodes.append(self._next(now))

    def _next(self, now: datetime) -> Episode:
        start = self._episodes[-1].end if self._episodes else now
        if self._episodes and self._rng.random() < OVERLAP_SHARE:
            start -= timedelta(seconds=OVERLAP_S)
        length = timedelta(seconds=self._rng.uniform(SHORTEST_S, LONGEST_S))
        return Episode(self._turn(), start, start + length)

    def _turn(self) -> Scenario:
        if not self._round:
            last = self._episodes[-1].scenario if self._episodes else None
            self._round = self._rng.sample(SCENARIOS, k=len(SCENARIOS))
            if self._round[-1] is last:
                self._round.reverse()
        return self._round.pop()
