"""Text as Slack takes it: escaped, within a limit, and a fence that nothing inside can end.

Limits from https://api.slack.com/reference/block-kit/blocks: 50 blocks, 150 characters of a header, 3,000 of a text,
2,000 of a field. They are counted in UTF-16 units after escaping, the strictest of the possible readings.
"""

from datetime import datetime, timedelta
from urllib.parse import quote

HEADER_LIMIT = 150
TEXT_LIMIT = 3_000
FIELD_LIMIT = 300
FALLBACK_LIMIT = 600
ELLIPSIS = "…"
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
PLAIN: dict[str, str] = {}
_FENCE = "```"
# A back-tick followed by a zero-width space looks the same and cannot end a fence.
_FENCED = ESCAPES | {"`": "`\N{ZERO WIDTH SPACE}"}


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


def fenced(text: str, lines: int) -> str:
    """Return the first lines of a text as a block of code, with how many more there are."""
    found = text.strip().splitlines()
    more = len(found) - lines
    head = "\n".join([*found[:lines], f"{ELLIPSIS} {more} more lines"] if more > 0 else found)
    return f"{_FENCE}\n{fit(head, TEXT_LIMIT - len(_FENCE) * 2 - 2, _FENCED)}\n{_FENCE}"


def line(text: str, limit: int = FIELD_LIMIT) -> str:
    """Return the text as one escaped line."""
    return fit(one_line(text), limit, ESCAPES)


def link(url: str | None, label: str) -> str:
    """Return a link in mrkdwn, or nothing when the URL is none, is not http(s) or is too long."""
    if not url or not url.startswith(("http://", "https://")):
        return ""
    safe = quote(url, safe=":/?#[]@!$'()*+,;=%~&").replace("&", "&amp;")
    return f"<{safe}|{label}>" if len(safe) < TEXT_LIMIT // 4 else ""


def one_line(text: str) -> str:
    """Return the text with every run of white space as one space."""
    return " ".join(text.split())


def time(at: datetime) -> str:
    """Return an instant in UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(duration: timedelta) -> str:
    """Return a duration in its two largest units: ``3 h 12 min``."""
    seconds = max(round(duration.total_seconds()), 0)
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _units(text: str) -> int:
    """Return the length in UTF-16 units, as JavaScript counts."""
    return len(text) + sum(character > "\uffff" for character in text)
