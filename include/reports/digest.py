"""A day's report in a Slack message: the figures that decide whether to open the page."""

from collections import Counter
from collections.abc import Iterator

from include.alerts.mrkdwn import ESCAPES, FALLBACK_LIMIT, HEADER_LIMIT, PLAIN, TEXT_LIMIT, fit, line
from include.alerts.outbox import Message
from include.reports.values import DailyReport

LEVELS = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG")
MOST = 5
"""Services and groups that a message names; the page has the others."""


def digest(report: DailyReport, html_key: str) -> Message:
    """Return the message; ``html_key`` is where the page lies in the bucket."""
    headline = f"📊 {report.day.date:%A, %d %B %Y}: {report.records:,} log events"
    sections = [fit(text, TEXT_LIMIT, PLAIN) for text in _sections(report)]
    where = line(f"{report.day.time_zone} · {html_key}")
    return Message(
        text=fit(f"{headline}. {_levels(report)}", FALLBACK_LIMIT, ESCAPES),
        blocks=[
            {
                "type": "header",
                "text": {"type": "plain_text", "text": fit(headline, HEADER_LIMIT, PLAIN), "emoji": False},
            },
            *({"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in sections),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": where}]},
        ],
    )


def _sections(report: DailyReport) -> Iterator[str]:
    yield f"*By level*\n{_levels(report)}"
    if loudest := _loudest(report):
        lines = [f"{line(service)}: {count:,}" for service, count in loudest]
        yield "\n".join(["*Services with most errors*", *lines])
    if report.facts.groups:
        lines = [f"{one.count:,}: {line(f'{one.service}: {one.title}')}" for one in report.facts.groups[:MOST]]
        yield "\n".join(["*Largest groups of alerts*", *lines])
    yield f"*Data*\n{_data(report)}"
    yield "\n".join(["*Service levels*", *_attainment(report)])


def _levels(report: DailyReport) -> str:
    counts: Counter[str] = Counter()
    for one in report.logs:
        counts[one.level] += one.records
    ordered = sorted(counts, key=lambda level: (LEVELS.index(level) if level in LEVELS else len(LEVELS), level))
    return " · ".join(f"{line(level)} {counts[level]:,}" for level in ordered) or "none"


def _loudest(report: DailyReport) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for one in report.logs:
        if one.level in {"FATAL", "ERROR"}:
            counts[one.service] += one.records
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST]


def _data(report: DailyReport) -> str:
    dead = sum(one.records for one in report.facts.dead_letters)
    failed = sum(one.failed for one in report.facts.quality)
    quarantined = sum(one.quarantined for one in report.facts.quality)
    return f"{dead:,} dead letters · {failed:,} failed audits · {quarantined:,} records in quarantine"


def _attainment(report: DailyReport) -> Iterator[str]:
    for one in report.facts.attainment:
        name = line(f"{one.pipeline_name} ({one.sla_type})")
        if one.percent is None:
            yield f"⚪ {name}: nothing judged"
        else:
            sign = "✅" if one.percent >= one.objective else "🔴"
            yield f"{sign} {name}: {one.percent:.2f} % of {one.windows:,} windows, {one.objective:g} % promised"
    if not report.facts.attainment:
        yield "none is promised"
