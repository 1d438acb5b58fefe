"""Newline-joined JSON objects, as Fluent Bit and others put several events into one record."""

import json
from io import BytesIO

from include.drain.payloads.undecodable import Budget

SPACE = b" \t\r\n"


def json_lines(data: bytes, budget: Budget) -> list[bytes] | None:
    """Return the lines of joined JSON objects without their line ends and without empty lines, or None for one event.

    Data is joined objects when it has several lines that are not empty, each starts with ``{``, and at least one is a
    JSON object by itself. No JSON document with line breaks inside is like that: an object that is complete on its
    line, with ``{`` on the line before or after, lacks the comma between them. So a pretty-printed object stays whole;
    and a line that is broken among sound ones does not take them along.

    Raises:
        UndecodableError: there are more lines than the budget has.
    """
    lines = []
    for line in BytesIO(data):
        text = line.strip(SPACE)
        if not text:
            continue
        if not text.startswith(b"{"):
            return None
        lines.append(line.removesuffix(b"\n").removesuffix(b"\r"))
        if len(lines) > budget.events_left:
            budget.events(len(lines))
    return lines if len(lines) > 1 and any(_is_object(line) for line in lines) else None


def _is_object(line: bytes) -> bool:
    if not line.rstrip(SPACE).endswith(b"}"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
