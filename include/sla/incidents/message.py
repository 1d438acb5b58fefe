"""An incident's event as a Slack message and as the webhook's JSON (docs/webhook.md): pure."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from include.alerts.mrkdwn import ESCAPES, FALLBACK_LIMIT, FIELD_LIMIT, HEADER_LIMIT, PLAIN, fit, line, link, span, time
from include.alerts.outbox import Message, Notice
from include.sla.incidents.values import Event, Incident, Kind

SCHEMA = "cali.sla/1"
NAMESPACE = UUID("6f1d3d0e-5a06-5a0c-9d62-0d7f2c6b8f11")
_SIGNS = {Event.OPENED: "🔴", Event.ESCALATED: "🚨", Event.RECOVERED: "🟢"}
_LEVELS = {"critical": "FATAL", "warning": "ERROR", "info": "WARN"}
_BROKEN = {Kind.WINDOW: "is late", Kind.RUN: "hangs", Kind.PLATFORM: "is silent"}


def notice(event: Event, incident: Incident, channel: str, now: datetime) -> Notice:
    """Return the Slack notice of an event, for the alert outbox."""
    headline = f"{_SIGNS[event]} {_headline(event, incident, now)}"
    facts = _facts(event, incident, now)
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": fit(headline, HEADER_LIMIT, PLAIN), "emoji": False}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": _field(*fact)} for fact in facts.items()]},
        {"type": "section", "text": {"type": "mrkdwn", "text": _detail(event, incident)}},
    ]
    text = fit(f"{headline}. {incident.promise}. {incident.cause}", FALLBACK_LIMIT, ESCAPES)
    severity = _LEVELS[incident.severity] if event is not Event.RECOVERED else "INFO"
    return Notice(f"sla-{incident.incident_id}-{event}", channel, severity, Message(text, blocks))


def event_id(event: Event, incident: Incident) -> UUID:
    """Return the id of an event of an incident; the same whoever asks, and however often."""
    return uuid5(NAMESPACE, f"{incident.incident_id}/{incident.opened_at.isoformat()}/{event}")


def body(event: Event, incident: Incident, now: datetime) -> str:
    """Return what the webhook's receiver is sent; docs/webhook.md is its description."""
    told: dict[str, Any] = {
        "id": incident.incident_id,
        "kind": incident.kind,
        "name": incident.name,
        "sla_type": incident.sla_type,
        "owner": incident.owner,
        "severity": incident.severity,
        "promise": incident.promise,
        "due_at": _iso(incident.due_at),
        "opened_at": _iso(incident.opened_at),
        "minutes_late": _minutes(incident.late(now)),
        "windows": incident.windows,
        "cause": incident.cause,
        "url": incident.url,
        "recovered_at": _iso(incident.recovered_at),
        "recovery": incident.recovery,
    }
    head = {"schema": SCHEMA, "event_id": str(event_id(event, incident)), "event": event, "occurred_at": _iso(now)}
    return json.dumps(head | {"incident": told}, ensure_ascii=False)


def _headline(event: Event, incident: Incident, now: datetime) -> str:
    name = incident.name if incident.sla_type is None else f"{incident.name} ({incident.sla_type})"
    if event is Event.RECOVERED:
        return f"{name}: {incident.recovery}, {span(incident.late(now))} late"
    again = ", and nobody has acknowledged it" if event is Event.ESCALATED else ""
    return f"{name} {_BROKEN[incident.kind]}{again}"


def _facts(event: Event, incident: Incident, now: datetime) -> dict[str, str]:
    facts = {
        "Owner": incident.owner,
        "Severity": incident.severity,
        "Due": time(incident.due_at),
        "Late" if event is Event.RECOVERED else "Late so far": span(incident.late(now)),
    }
    return facts | {"Windows": f"{incident.windows:,}"} if incident.kind is Kind.WINDOW else facts


def _detail(event: Event, incident: Incident) -> str:
    lines = {"Promised": incident.promise, "Likely cause": incident.cause}
    if event is Event.RECOVERED and incident.recovery:
        lines["Now"] = incident.recovery
    elif incident.kind is Kind.WINDOW:
        lines["To acknowledge"] = f"trigger sla_acknowledge with the pipeline {incident.name}"
    told = [f"*{name}* {line(text, 2 * FIELD_LIMIT)}" for name, text in lines.items()]
    return "\n".join(filter(None, [*told, link(incident.url, "Airflow")]))


def _field(name: str, value: str) -> str:
    return f"*{name}*\n{line(value)}"


def _minutes(late: timedelta) -> float:
    return round(max(late.total_seconds(), 0) / 60, 2)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
