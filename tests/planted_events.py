"""Log events with planted secrets, and the look for them where nobody may read them."""

import json
import re
from collections.abc import Sequence

from slack_sdk import WebClient

from include.records import utc_now
from tests.planted import Planted, in_trace

LONGEST_CODE = 6
"""Digits of a one-time code."""


def event_id(number: int) -> str:
    """Return the id of an event; every two events have the same, which an audit does not let pass."""
    return f"7d1f2c1e-0d5c-4a57-9a3e-{number // 2:012d}"


def payload(number: int, planted: Planted) -> bytes:
    """Return an event of a service of its own, with the secret in its message, or in its trace, or in a name."""
    text = planted.text if number % 2 else f"job {number} failed"
    trace = "" if number % 2 else "\n" + in_trace(planted, java=number % 4 == 0, number=number)
    fields = {
        "event_id": event_id(number),
        "timestamp": utc_now().isoformat(),
        "level": "ERROR",
        "service": f"service-{number}",
        "message": text,
        "log_content": f"ERROR {text}{trace}",
        "pod": f"pod of {planted.text}"[:253],
        "version": "1.0",
    }
    return json.dumps(fields).encode()


def broken(planted: Planted) -> bytes:
    """Return an event that is refused for a field whose name is the secret."""
    return payload(0, planted)[:-1] + b", " + json.dumps(planted.text).encode() + b": NaN}"


def in_slack(client: WebClient) -> str:
    """Return everything that Slack has, with the threads."""
    channels = client.conversations_list()["channels"]
    pages = [
        page["messages"]
        for channel in channels
        for page in client.conversations_history(channel=channel["id"], limit=200)
    ]
    return json.dumps(pages, ensure_ascii=False)


def found(secrets: Sequence[str], text: str) -> list[str]:
    """Return the secrets that are in a text, as they are or as JSON writes them."""
    return [secret for secret in secrets if _is_in(secret, text)]


def _is_in(secret: str, text: str) -> bool:
    if secret.isdecimal() and len(secret) <= LONGEST_CODE:
        # The fraction of a second in some line's time may have the same digits.
        return re.search(rf"(?<![\d.]){secret}(?!\d)", text) is not None
    return secret in text or json.dumps(secret, ensure_ascii=False)[1:-1] in text
