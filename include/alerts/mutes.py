"""Where silences and inhibitions are kept: the contract, and the twin in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from include.alerts.event import HOLDERS
from include.alerts.group import AlertGroup, State
from include.alerts.holding import STORM, Scene, lead_of
from include.alerts.muting import Inhibition, Matcher, Silence
from include.alerts.settings import AlertSettings


@dataclass(frozen=True, slots=True)
class By:
    """Who asks for something, and why."""

    who: str
    why: str


class Mutes(Protocol):
    """Keeps who is to be told of what. What is written here holds from the next batch or sweep on."""

    def silence(self, matcher: Matcher, until: datetime, by: By, now: datetime) -> int:
        """Tell nobody of what matches until ``until``; return the silence's number."""

    def end_silence(self, number: int, now: datetime) -> bool:
        """Let a silence end now; false when there is none of that number that has not ended."""

    def inhibit(self, source: Matcher, target: Matcher, by: By, now: datetime) -> int:
        """Let open groups of ``source`` mute those of ``target``; return the inhibition's number."""

    def lift(self, number: int) -> bool:
        """Switch an inhibition off; false when there is none of that number that is on."""


class InMemoryMutes:
    """The twin of ``include.alerts.mutes_postgres.PostgresMutes``."""

    def __init__(self) -> None:
        self._silences: dict[int, Silence] = {}
        self._inhibitions: dict[int, Inhibition] = {}
        self._lifted: set[int] = set()

    def silence(self, matcher: Matcher, until: datetime, by: By, now: datetime) -> int:  # noqa: ARG002
        """Tell nobody of what matches until ``until``."""
        number = len(self._silences) + 1
        self._silences[number] = Silence(number, matcher, until, by.who, by.why)
        return number

    def end_silence(self, number: int, now: datetime) -> bool:
        """Let a silence end now."""
        known = self._silences.get(number)
        if known is None or known.until <= now:
            return False
        self._silences[number] = Silence(number, known.matcher, now, known.who, known.why)
        return True

    def inhibit(self, source: Matcher, target: Matcher, by: By, now: datetime) -> int:  # noqa: ARG002
        """Let open groups of ``source`` mute those of ``target``."""
        number = len(self._inhibitions) + 1
        self._inhibitions[number] = Inhibition(number, source, target, by.who, by.why)
        return number

    def lift(self, number: int) -> bool:
        """Switch an inhibition off."""
        known = {number} & self._inhibitions.keys() - self._lifted
        self._lifted |= known
        return bool(known)

    def scene(self, groups: Sequence[AlertGroup], now: datetime, settings: AlertSettings) -> Scene:
        """Return what holds groups back at ``now``."""
        lasting = [silence for silence in self._silences.values() if silence.until > now]
        rules = [rule for number, rule in self._inhibitions.items() if number not in self._lifted]
        own = [group for group in groups if group.category not in HOLDERS]
        counted = [group for group in own if group.held_by is None or group.held_by.startswith(STORM)]
        openings = Counter(group.channel for group in counted if group.opened_at > now - settings.storm_window)
        leads = [lead_of(group) for group in own if group.state is not State.RESOLVED]
        return Scene(lasting, rules, leads if rules else (), openings)

    def any(self, now: datetime) -> bool:
        """Whether there is anything that could hold a group back."""
        scene = self.scene((), now, AlertSettings())
        return bool(scene.silences or scene.inhibitions)
