"""A group as a Slack message: Block Kit within Slack's limits, whatever the log holds."""

from collections.abc import Mapping
from datetime import timedelta

from include.adapters.slack import Blocks
from include.alerts.event import Category
from include.alerts.group import AlertGroup, State
from include.alerts.lifecycle import Transition
from include.alerts.mrkdwn import (
    FALLBACK_LIMIT,
    HEADER_LIMIT,
    PLAIN,
    fenced,
    fit,
    line,
    link,
    one_line,
    time,
)
from include.alerts.outbox import Message

SAMPLE_LINES = 8
"""Lines of the sample in the message itself: what a phone shows without scrolling. The rest stands in its thread."""
DETAIL_LINES = 60
RATE_WINDOW = timedelta(minutes=5)
_SIGNS = ("🔥", "🔴", "🟡", "🔵")
_RESOLVED = "✅"
_COUNTED = {Category.RECORD: "Records", Category.QUALITY: "Batches", Category.GAP: "Gaps"}
_STATES = {
    State.NEW: "New",
    State.ONGOING: "Ongoing",
    State.ESCALATING: "Escalating",
    State.RESOLVED: "Resolved",
    State.REGRESSED: "Back",
}
_LOUD = frozenset({State.ESCALATING, State.RESOLVED, State.REGRESSED})


def render(group: AlertGroup) -> Message:
    """Return the message that tells of a group as it is now: state, count, rate, time span, origin and a sample."""
    return Message(text=_fallback(group), blocks=_blocks(group))


def render_details(group: AlertGroup) -> Message:
    """Return the reply that holds the whole sample, and where it lies."""
    where = [
        f"batch {group.batch_id}",
        f"record {group.latest_shard_id} / {group.latest_sequence_number} / {group.latest_sub_sequence}",
    ]
    return Message(
        text=line(f"The first record of group {group.id}"),
        blocks=[_section(fenced(group.sample, DETAIL_LINES)), _context(line(" · ".join(where)))],
    )


def needs_details(group: AlertGroup) -> bool:
    """Whether the group's message has no room for all of the sample."""
    return len(group.sample.strip().splitlines()) > SAMPLE_LINES


def render_transition(group: AlertGroup, moved: Transition) -> Message:
    """Return the reply that tells of one step of a group's life, as it stands at that step."""
    state = moved.step.state
    words = f"{_STATES[state]}: {moved.step.said} ({group.count:,} in all)"
    about = f"{_sign(group)} {group.severity} {group.service}: {group.title}"
    return Message(
        text=line(f"{words}: {about}"),
        blocks=[_section(f"{_sign(group)} *{_STATES[state]}* {line(moved.step.said)} · {group.count:,} in all")],
    )


def _blocks(group: AlertGroup) -> Blocks:
    blocks: list[Mapping[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _headline(group), "emoji": False}},
        _section(_status(group)),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in _fields(group)]},
        _section(fenced(group.sample, SAMPLE_LINES)),
    ]
    if len(group.trend.counts) > 1:
        begin, end = group.trend.span()
        blocks.append(_context(f"{group.trend.bar()} {begin:%H:%M} to {end:%H:%M} UTC"))
    return [*blocks, _context(_origin(group))]


def _headline(group: AlertGroup) -> str:
    sign = f"{_sign(group)} {'[replay] ' if group.replayed == group.count else ''}"
    return fit(one_line(f"{sign}{group.severity} {group.service}: {group.title}"), HEADER_LIMIT, PLAIN)


def _sign(group: AlertGroup) -> str:
    return _RESOLVED if group.state is State.RESOLVED else _SIGNS[group.severity_rank]


def _status(group: AlertGroup) -> str:
    """Return the state with its words, and who is at it."""
    parts = [f"*{_STATES[group.state]}* {line(group.said)}".strip("- ")]
    if group.acknowledged_by:
        why = f": {group.acknowledged_why}" if group.acknowledged_why else ""
        parts.append(line(f"👀 {group.acknowledged_by}{why}"))
    return "\n".join(parts)


def _fields(group: AlertGroup) -> list[str]:
    rate = group.trend.rate(group.trend.span()[1] - timedelta(seconds=1), RATE_WINDOW)
    fields = {
        _COUNTED[group.category]: f"{group.count:,}",
        "Rate": f"{rate:,.1f} a minute" if group.count > 1 and group.trend.counts else "",
        "Service": ", ".join(group.services) or group.service,
        "Of a replay": f"{group.replayed:,}" if group.replayed else "",
        "First seen": time(group.first_seen),
        "Last seen": time(group.last_seen),
        "Pods": ", ".join(group.pods),
        "Versions": ", ".join(group.versions),
    }
    return [f"*{name}*\n{line(value)}" for name, value in fields.items() if value]


def _origin(group: AlertGroup) -> str:
    """Return the context line: stream, group and the newest batch's run."""
    parts = [f"stream {group.stream}", f"group {group.id}", f"fingerprint {group.fingerprint[:12]}"]
    return " · ".join(part for part in (line(" · ".join(parts)), link(group.run_url, "Airflow run")) if part)


def _fallback(group: AlertGroup) -> str:
    times = "once" if group.count == 1 else f"{group.count:,} times"
    between = f"{time(group.first_seen)} to {time(group.last_seen)}"
    replayed = f", {group.replayed:,} of a replay" if group.replayed else ""
    state = f"{_STATES[group.state]}: " if group.state in _LOUD else ""
    return line(
        f"{state}{group.severity} {group.service}: {group.title} ({times}{replayed}, {between})", FALLBACK_LIMIT
    )


def _section(text: str) -> Mapping[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _context(text: str) -> Mapping[str, object]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
