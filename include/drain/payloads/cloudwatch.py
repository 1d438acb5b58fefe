"""CloudWatch Logs' subscription format: one JSON object with many log events."""

import json
from typing import Any

from include.drain.payloads.undecodable import Reason, UndecodableError

MARK = b'"logEvents"'
DATA_MESSAGE = "DATA_MESSAGE"
CONTROL_MESSAGE = "CONTROL_MESSAGE"
MOST_ENVELOPE_BYTES = 32 << 20
"""Parsed JSON takes up to some 20 times its text in memory."""


def log_messages(data: bytes) -> list[bytes] | None:
    """Return the messages of a subscription's envelope as UTF-8, or None where the data is none.

    Source: "Log group-level subscription filters" of the CloudWatch Logs user guide.

    Raises:
        UndecodableError: the envelope is CloudWatch's, and there is no event in it, or not the format's.
    """
    envelope = _envelope(data)
    if envelope is None:
        return None
    if envelope["messageType"] == CONTROL_MESSAGE:
        raise UndecodableError(Reason.CLOUDWATCH_CONTROL)
    events = envelope["logEvents"]
    if not events:
        raise UndecodableError(Reason.CLOUDWATCH_EMPTY)
    try:
        # A lone half of a surrogate pair goes along: its event alone will be refused, not its neighbours.
        return [event["message"].encode("utf-8", "surrogatepass") for event in events]
    except (AttributeError, KeyError, TypeError) as error:
        raise UndecodableError(Reason.CLOUDWATCH_MALFORMED) from error


def _envelope(data: bytes) -> dict[str, Any] | None:
    if MARK not in data:
        return None
    if len(data) > MOST_ENVELOPE_BYTES:
        raise UndecodableError(Reason.TOO_LARGE)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("logEvents"), list):
        return None
    return document if document.get("messageType") in (DATA_MESSAGE, CONTROL_MESSAGE) else None
