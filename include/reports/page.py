"""A day's report as a page that a browser shows without asking any server; every value is escaped."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

from include.reports.values import DailyReport

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
Cell = str | int


def page(report: DailyReport) -> bytes:
    """Return the report as UTF-8 HTML; the same report gives the same bytes."""
    title = f"Logs of {report.day.date:%A, %d %B %Y}"
    span = f"{report.day.start.isoformat()} to {report.day.end.isoformat()} ({report.day.time_zone})"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body><main>",
        f"<h1>{escape(title)}</h1><p>{report.records:,} events arrived from {escape(span)}.</p>",
        *_tables(report),
        "</main></body></html>",
    ]
    return "\n".join(parts).encode()


def _tables(report: DailyReport) -> Iterable[str]:
    zone = ZoneInfo(report.day.time_zone)
    facts = report.facts
    yield _table(
        "Logs by service and level",
        ("Service", "Level", "Events", "First", "Last"),
        [
            (one.service, one.level, one.records, _at(one.first_arrived_at, zone), _at(one.last_arrived_at, zone))
            for one in report.logs
        ],
    )
    yield _table(
        "Groups of alerts, with the count of their whole life",
        ("Level", "Service", "Group", "Records", "First seen", "Last seen"),
        [
            (one.severity, one.service, one.title, one.count, _at(one.first_seen, zone), _at(one.last_seen, zone))
            for one in facts.groups
        ],
    )
    yield _table(
        "Dead letters by reason",
        ("Stream", "Stage", "Reason", "Records", "Redriven since"),
        [(one.stream, one.stage, one.reason, one.records, one.redriven) for one in facts.dead_letters],
    )
    yield _table(
        "Audits",
        ("Stream", "Suite", "Passed", "Failed", "Records in quarantine"),
        [(one.stream, one.suite, one.passed, one.failed, one.quarantined) for one in facts.quality],
    )
    yield _table(
        "Service levels, windows that ended on the day",
        ("Pipeline", "Kind", "Windows", "On time", "Late", "Missed", "Percent", "Promised"),
        [
            (
                one.pipeline_name,
                one.sla_type,
                one.windows,
                one.on_time,
                one.late,
                one.missed,
                _percent(one.percent),
                f"{one.objective:g} %",
            )
            for one in facts.attainment
        ],
    )


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    if not rows:
        return f"<h2>{escape(title)}</h2><p>None.</p>"
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    # A wide table scrolls by itself, also by the arrow keys, rather than the page.
    return (
        f'<h2>{escape(title)}</h2><div class="wide" tabindex="0" role="region" aria-label="{escape(title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(value: Cell) -> str:
    return f'<td class="number">{value:,}</td>' if isinstance(value, int) else f"<td>{escape(value)}</td>"


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _percent(value: float | None) -> str:
    return "nothing judged" if value is None else f"{value:.2f} %"


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")
