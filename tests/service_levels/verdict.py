"""Whether people were told of every incident once, of its end once, and every window has its verdict."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.service_levels.drill import said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.stack.running_stack import RunningStack

INCIDENTS = "select incident_id, kind, name, recovered_at from cali.sla_incidents order by incident_id"
MESSAGES = (
    "select dedup_key, state, payload ->> 'text' as text from cali.alert_outbox where dedup_key like 'notice:sla-%%'"
)
GAPS = """
    select window_start
    from (
        select window_start, lag(window_end) over (partition by definition_id order by window_start) as before
        from cali.sla_verdicts
    ) as windows
    where before <> window_start
"""
UNTOLD = "select window_start from cali.sla_violations where notified_at is null or incident_id is null"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; each but the first two must be empty or zero."""

    incidents: int
    windows: int
    unended: list[str]
    untold: list[str]
    told_again: list[str]
    unsent: list[str]
    slack_differs: list[str]
    untold_violations: int
    gaps: int

    @property
    def holds(self) -> bool:
        """True when each was told once and ended once, and no window is missing."""
        wrong = (self.unended, self.untold, self.told_again, self.unsent, self.slack_differs)
        return not any(wrong) and not self.untold_violations and not self.gaps


def judge(stack: RunningStack) -> Verdict:
    """Hold incidents, outbox and Slack against each other."""
    incidents, messages = stack.rows(INCIDENTS), stack.rows(MESSAGES)
    keys = Counter(row["dedup_key"] for row in messages)
    told = {f"{row['kind']} {row['name']} {row['incident_id']}": _told(keys, row["incident_id"]) for row in incidents}
    (windows,) = stack.rows("select count(*) as count from cali.sla_verdicts")
    return Verdict(
        incidents=len(incidents),
        windows=windows["count"],
        unended=[f"{row['kind']} {row['name']}" for row in incidents if row["recovered_at"] is None],
        untold=[name for name, (opened, recovered) in told.items() if not recovered and not opened],
        told_again=[name for name, (opened, recovered) in told.items() if opened > 1 or recovered > 1],
        unsent=[row["dedup_key"] for row in messages if row["state"] != "sent"],
        slack_differs=_differing(stack, [row["text"] for row in messages]),
        untold_violations=len(stack.rows(UNTOLD)),
        gaps=len(stack.rows(GAPS)),
    )


def _told(keys: Mapping[str, int], incident_id: int) -> tuple[int, int]:
    """Return how often an incident's beginning and its end were told; one that was over at once is told by its end."""
    return keys.get(f"notice:sla-{incident_id}-opened", 0), keys.get(f"notice:sla-{incident_id}-recovered", 0)


def _differing(stack: RunningStack, texts: Iterable[str]) -> list[str]:
    """Return the messages that Slack does not have exactly as often as they were written."""
    written = Counter(_plain(text) for text in texts)
    got = Counter(_plain(text) for text in said(stack))
    return [text for text, count in written.items() if got[text] != count]


def _plain(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text
