"""What Slack is told of an error budget that burns."""

from datetime import timedelta

from include.alerts.mrkdwn import FALLBACK_LIMIT, HEADER_LIMIT, TEXT_LIMIT, fit
from include.alerts.outbox import Message

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def begun(pipeline: str, sla_type: str, owner: str, long_minutes: int, rate: float, bad: int) -> Message:
    """Return the message that a budget burns ``rate`` times faster than it may, with ``bad`` windows in the span."""
    span = _span(timedelta(minutes=long_minutes))
    headline = f"🔥 {pipeline} ({sla_type}) spends its error budget {rate:.3g} times too fast"
    text = (
        f"{bad} windows within {span} were late or missed, and the newest ones are among them. Owner: {owner}. "
        "What was missed and why is on the page SLA in Airflow and in `cali.sla_violations`."
    )
    return _message(headline, text)


def ended(pipeline: str, sla_type: str, outcome: str, lasted: timedelta) -> Message:
    """Return the message that a budget does not burn any more."""
    if outcome == "withdrawn":
        headline = f"⚪ {pipeline} ({sla_type}) promises nothing any more; its error budget was burning"
        return _message(headline, "The definition was disabled or deleted.")
    headline = f"✅ {pipeline} ({sla_type}) does not burn its error budget any more"
    return _message(headline, f"It did for {_span(lasted)}.")


def _message(headline: str, text: str) -> Message:
    title = fit(headline, HEADER_LIMIT, {})
    body = fit(text, TEXT_LIMIT, _ESCAPES)
    return Message(
        text=fit(f"{headline}. {text}", FALLBACK_LIMIT, _ESCAPES),
        blocks=[
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
            {"type": "section", "text": {"type": "mrkdwn", "text": body}},
        ],
    )


def _span(span: timedelta) -> str:
    """Return a span as people say it: in minutes, or in hours from two of them on."""
    if span < 2 * HOUR:
        minutes = max(1, round(span / MINUTE))
        return "one hour" if minutes == HOUR / MINUTE else f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{span / HOUR:.3g} hours"
