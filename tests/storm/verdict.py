"""What a storm's proof finds: groups, first messages, the counts that Slack shows, and the pace of each channel."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.crash.verdict import AlertVerdict, Messages, judge_alerts

WINDOW_S = 10.0
MOST_IN_WINDOW = 11
"""Calls to a channel that begin a second apart: so many are in ten seconds, both ends counted."""

Times = Mapping[str, Sequence[float]]
"""When each channel was written to, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class StormVerdict:
    """What became of a storm of ``kinds`` kinds.

    ``busiest`` is how many calls a channel got in any ten seconds at most.
    """

    kinds: int
    alerts: AlertVerdict
    busiest: int

    @property
    def holds(self) -> bool:
        """Return whether each kind has one first message with its exact count, at no more than one call a second."""
        told = self.alerts
        few = told.groups == told.first_messages == self.kinds
        return few and told.wrong == 0 and self.busiest <= MOST_IN_WINDOW


def judge_storm(
    groups: Iterable[Mapping[str, Any]],
    openings: Iterable[Mapping[str, Any]],
    messages: Messages,
    put: Counter[str],
    times: Times,
) -> StormVerdict:
    """Hold the storm's groups against what was put, Slack against the groups, and the calls against the clock."""
    own = [group for group in groups if group["fingerprint"] in put]
    numbers = {group["id"] for group in own}
    alerts = judge_alerts(own, [each for each in openings if each["group_id"] in numbers], messages, put)
    return StormVerdict(len(put), alerts, max((busiest(of) for of in times.values()), default=0))


def busiest(times: Sequence[float]) -> int:
    """Return how many of the times lie within any ``WINDOW_S``, at most."""
    ordered = sorted(times)
    return max((bisect_right(ordered, at + WINDOW_S) - place for place, at in enumerate(ordered)), default=0)


def times_of(calls: Iterable[tuple[str, float]]) -> Times:
    """Return the calls by channel."""
    found: dict[str, list[float]] = defaultdict(list)
    for channel, at in calls:
        found[channel].append(at)
    return found
