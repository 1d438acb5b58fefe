"""A group as a Slack message: Block Kit within Slack's limits, whatever the log holds."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

from include.adapters.slack import Blocks
from include.alerts.event import HOLDERS, Category
from include.alerts.group import AlertGroup, State
from include.alerts.grouping import MOST_NAMES as KEPT_NAMES
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
from include.alerts.routing import Links

SAMPLE_LINES = 8
"""Lines of the sample in the message itself: what a phone shows without scrolling. The rest stands in its thread."""
DETAIL_LINES = 60
MOST_NAMES = 6
"""Services, pods and versions that a message names of each."""
RATE_WINDOW = timedelta(minutes=5)
_SIGNS = ("🔥", "🔴", "🟡", "🔵")
_RESOLVED = "✅"
_COUNTED = {
    Category.RECORD: "Records",
    Category.QUALITY: "Batches",
    Category.GAP: "Gaps",
    Category.SILENCE: "Held back",
    Category.STORM: "Held back",
}
_KIND = {Category.SILENCE: "🔕", Category.STORM: "🌩️"}
_STATES = {
    State.NEW: "New",
    State.ONGOING: "Ongoing",
    State.ESCALATING: "Escalating",
    State.RESOLVED: "Resolved",
    State.REGRESSED: "Back",
}
NO_LINKS = Links()
_LOUD = frozenset({State.ESCALATING, State.RESOLVED, State.REGRESSED})


def render(group: AlertGroup, links: Links = NO_LINKS) -> Message:
    """Return the message that tells of a group as it is now: state, count, rate, time span, origin and a sample."""
    return Message(text=_fallback(group), blocks=_blocks(group, links))


def render_fallback(message: Message, channel: str, error: str) -> Message:
    """Return a message as the fallback channel gets it, with where it belongs and why it is not there."""
    why = line(f"⚠️ This belongs into {channel}: {error}. It waits there until the cause is mended and it is revived.")
    return Message(fit(f"{why} {message.text}", FALLBACK_LIMIT, PLAIN), [_section(why), *message.blocks])


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
    taken = moved.step.reason == "acknowledged"
    sign, name = ("👀", "Acknowledged") if taken else (_sign(group), _STATES[moved.step.state])
    words = f"{name}: {moved.step.said}"
    return Message(
        text=line(f"{words} ({group.count:,} in all): {_sign(group)} {_about(group)}", FALLBACK_LIMIT),
        blocks=[_section(f"{sign} *{name}* {line(moved.step.said)} · {group.count:,} in all")],
    )


def _blocks(group: AlertGroup, links: Links) -> Blocks:
    blocks: list[Mapping[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _headline(group), "emoji": False}},
        _section(_status(group)),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in _fields(group)]},
        _section(fenced(group.sample, SAMPLE_LINES)),
    ]
    if len(group.trend.counts) > 1:
        begin, end = group.trend.span()
        blocks.append(_context(f"{group.trend.bar()} {begin:%H:%M} to {end:%H:%M} UTC"))
    return [*blocks, _context(_origin(group, links))]


def _headline(group: AlertGroup) -> str:
    sign = f"{_sign(group)} {'[replay] ' if group.replayed == group.count else ''}"
    return fit(one_line(f"{sign}{_about(group)}"), HEADER_LIMIT, PLAIN)


def _about(group: AlertGroup) -> str:
    """Return what the group is about; one that stands for others says so itself."""
    return group.title if group.category in HOLDERS else f"{group.severity} {group.service}: {group.title}"


def _sign(group: AlertGroup) -> str:
    if group.state is State.RESOLVED:
        return _RESOLVED
    return _KIND.get(group.category, _SIGNS[group.severity_rank])


def _status(group: AlertGroup) -> str:
    """Return the state with its words, and who is at it."""
    parts = [f"*{_STATES[group.state]}* {line(group.said)}".strip("- ")]
    if group.acknowledged_by:
        why = f": {group.acknowledged_why}" if group.acknowledged_why else ""
        parts.append(line(f"👀 {group.acknowledged_by}{why}"))
    if group.held_why:
        parts.append(line(f"🔕 {group.held_why}"))
    if group.holding:
        parts.append(line(f"🔇 holds back {group.holding}"))
    return "\n".join(parts)


def _fields(group: AlertGroup) -> list[str]:
    rate = group.trend.rate(group.trend.span()[1] - timedelta(seconds=1), RATE_WINDOW)
    fields = {
        _COUNTED[group.category]: f"{group.count:,}",
        "Rate": f"{rate:,.1f} a minute" if group.count > 1 and group.trend.counts else "",
        "Service": _names(group.services) or group.service,
        "Of a replay": f"{group.replayed:,}" if group.replayed else "",
        "First seen": time(group.first_seen),
        "Last seen": time(group.last_seen),
        "Pods": _names(group.pods),
        "Versions": _names(group.versions),
    }
    return [f"*{name}*\n{line(value)}" for name, value in fields.items() if value]


def _names(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - MOST_NAMES
    # A full list says that there are as many, not that there are no more.
    least = "at least " if len(names) >= KEPT_NAMES else ""
    return ", ".join([*names[:MOST_NAMES], *([f"{least}{more} more"] if more > 0 else [])])


def _origin(group: AlertGroup, links: Links) -> str:
    """Return the context line: stream, group, and where the newest batch's run, its object and its record are."""
    parts = [f"stream {group.stream}", f"group {group.id}", f"fingerprint {group.fingerprint[:12]}"]
    linked = [
        link(group.run_url, "Airflow run"),
        link(_address(links.batch, group), "batch") or line(f"batch {group.batch_id}"),
        link(_address(links.record, group), "record"),
    ]
    return " · ".join(part for part in (line(" · ".join(parts)), *linked) if part)


def _address(template: str | None, group: AlertGroup) -> str | None:
    """Return the address that a template makes for a group; a place that it does not know stays as it is written."""
    if template is None:
        return None
    values = {
        "stream": group.stream,
        "batch_id": group.batch_id,
        "shard_id": group.latest_shard_id,
        "sequence_number": group.latest_sequence_number,
        "sub_sequence": str(group.latest_sub_sequence),
    }
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _fallback(group: AlertGroup) -> str:
    times = "once" if group.count == 1 else f"{group.count:,} times"
    between = f"{time(group.first_seen)} to {time(group.last_seen)}"
    replayed = f", {group.replayed:,} of a replay" if group.replayed else ""
    state = f"{_STATES[group.state]}: " if group.state in _LOUD else ""
    return line(f"{state}{_about(group)} ({times}{replayed}, {between})", FALLBACK_LIMIT)


def _section(text: str) -> Mapping[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _context(text: str) -> Mapping[str, object]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
