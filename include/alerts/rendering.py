"""A group as a Slack message: Block Kit within Slack's limits, whatever the log holds.

Limits from https://api.slack.com/reference/block-kit/blocks: 50 blocks, 150 characters of a header, 3,000 of a text,
2,000 of a field. They are counted in UTF-16 units after escaping, the strictest of the possible readings.
"""

from datetime import datetime
from urllib.parse import quote

from include.adapters.slack import Blocks
from include.alerts.event import Category
from include.alerts.group import AlertGroup
from include.alerts.outbox import Message

HEADER_LIMIT = 150
TEXT_LIMIT = 3_000
FIELD_LIMIT = 300
FALLBACK_LIMIT = 600
SAMPLE_LINES = 20
ELLIPSIS = "…"
_SIGNS = ("🔥", "🔴", "🟡", "🔵")
_FENCE = "```"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# A back-tick followed by a zero-width space looks the same and cannot end a fence.
_FENCED = _ESCAPES | {"`": "`\N{ZERO WIDTH SPACE}"}
_PLAIN: dict[str, str] = {}
_COUNTED = {Category.RECORD: "Records", Category.QUALITY: "Batches", Category.GAP: "Gaps"}


def render(group: AlertGroup) -> Message:
    """Return the message that tells of a group as it is now: its count, time span, origin and a sample."""
    return Message(text=_fallback(group), blocks=_blocks(group))


def _blocks(group: AlertGroup) -> Blocks:
    fence = len(_FENCE) * 2 + 2
    sample = fit(_head(group.sample), TEXT_LIMIT - fence, _FENCED)
    return [
        {"type": "header", "text": {"type": "plain_text", "text": _headline(group), "emoji": False}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in _fields(group)]},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"{_FENCE}\n{sample}\n{_FENCE}"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _origin(group)}]},
    ]


def _headline(group: AlertGroup) -> str:
    sign = f"{_SIGNS[group.severity_rank]} {'[replay] ' if group.replayed == group.count else ''}"
    line = f"{sign}{group.severity} {group.service}: {group.title}"
    return fit(_one_line(line), HEADER_LIMIT, _PLAIN)


def _fields(group: AlertGroup) -> list[str]:
    counted = _COUNTED[group.category]
    fields = {
        "Level": group.severity,
        "Service": ", ".join(group.services) or group.service,
        counted: f"{group.count:,}",
        "Of a replay": f"{group.replayed:,}" if group.replayed else "",
        "First seen": _time(group.first_seen),
        "Last seen": _time(group.last_seen),
        "Pods": ", ".join(group.pods),
        "Versions": ", ".join(group.versions),
    }
    return [f"*{name}*\n{fit(_one_line(value), FIELD_LIMIT, _ESCAPES)}" for name, value in fields.items() if value]


def _origin(group: AlertGroup) -> str:
    """Return the context line: stream, group and the newest batch's run."""
    parts = [f"stream {group.stream}", f"group {group.id}", f"fingerprint {group.fingerprint[:12]}"]
    text = fit(_one_line(" · ".join(parts)), FIELD_LIMIT, _ESCAPES)
    link = _link(group.run_url, "Airflow run")
    return f"{text} · {link}" if link else text


def _link(url: str | None, label: str) -> str:
    """Return a link in mrkdwn, or nothing when the URL is none, is not http(s) or is too long."""
    if not url or not url.startswith(("http://", "https://")):
        return ""
    safe = quote(url, safe=":/?#[]@!$'()*+,;=%~&").replace("&", "&amp;")
    return f"<{safe}|{label}>" if len(safe) < TEXT_LIMIT - FIELD_LIMIT - len(label) - 10 else ""


def _fallback(group: AlertGroup) -> str:
    times = "once" if group.count == 1 else f"{group.count:,} times"
    span = f"{_time(group.first_seen)} to {_time(group.last_seen)}"
    replayed = f", {group.replayed:,} of a replay" if group.replayed else ""
    line = f"{group.severity} {group.service}: {group.title} ({times}{replayed}, {span})"
    return fit(_one_line(line), FALLBACK_LIMIT, _ESCAPES)


def fit(text: str, limit: int, escapes: dict[str, str]) -> str:
    """Return the text escaped and no longer than ``limit`` UTF-16 units; what is cut off ends in an ellipsis.

    An escape is never cut in two, and the result is never empty: Slack refuses empty texts.
    """
    parts: list[str] = []
    used = 0
    for character in text:
        parts.append(escapes.get(character, character))
        used += _units(parts[-1])
        if used > limit:
            break
    if used <= limit:
        return "".join(parts) or "-"
    while used >= limit:
        used -= _units(parts.pop())
    return "".join(parts) + ELLIPSIS


def _units(text: str) -> int:
    """Return the length in UTF-16 units, as JavaScript counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def _head(sample: str) -> str:
    lines = sample.strip().splitlines()
    more = len(lines) - SAMPLE_LINES
    head = lines[:SAMPLE_LINES]
    return "\n".join([*head, f"… {more} more lines"] if more > 0 else head)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
