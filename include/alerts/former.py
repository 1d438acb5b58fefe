"""What made two messages the same problem before version 2 of the fingerprint.

Groups that were open when the version changed keep their fingerprint, so it has to be found again until they close.
"""

import hashlib
import re
from functools import lru_cache

# What follows says no more about the kind of a message, and keeps the cost of a hostile one small.
LONGEST = 500

# Tried in this order at each place; every repetition is bounded or guarded, so that no input takes quadratic time.
_MASKS = {
    "url": r"\bhttps?://\S+",
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    "uuid": r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
    "time": r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?",
    "quoted": r"\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w)",
    "ip": r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}(?![\w:])",
    "path": r"(?<![\w/\\.<>])(?:[A-Za-z]:)?(?:[/\\][\w.@%+~-]+)+[/\\]?",
    "hex": r"\b0x[0-9a-fA-F]+\b|\b(?=[a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{8,}\b",
    "id": r"\b(?=[A-Za-z_]*-[\w-]{0,60}\d|\w{0,60}\d\w{0,60}-)[A-Za-z_]\w{0,60}(?:-\w{1,60}){1,8}\b",
    "duration": r"\b\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|days?)\b",
    "num": r"\d+(?:[.,]\d+)*",
}
_ANY = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _MASKS.items()))
_STEM_WORDS = 3


def message_value(service: str, severity: str, line: str) -> str:
    """Return the fingerprint of version 1, 32 hex digits, of a message without a stack trace.

    ``severity`` is a level's usual name; of ``line`` the first line counts.
    """
    masked = _template(line.lstrip().partition("\n")[0][:LONGEST].rstrip())
    text = f"1\0message\0{service}\0{severity}\0{_stem(masked)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@lru_cache(maxsize=20_000)
def _template(line: str) -> str:
    return _ANY.sub(lambda match: f"[{match.lastgroup}]", line)


def _stem(masked: str) -> str:
    head, colon, _ = masked.partition(": ")
    words = [word for word in head.split() if not word.startswith("[")]
    return head if colon and len(words) >= _STEM_WORDS else masked
