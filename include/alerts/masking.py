"""A message's shape: what stays when ids, numbers and addresses are taken out.

No state and no learning: the same message has the same shape in every process and for ever.
"""

import re
from functools import lru_cache

# What follows says no more about the kind of a message, and keeps the cost of a hostile one small.
LONGEST = 500
# A head shorter than this does not name a problem by itself.
HEAD_WORDS = 3

_CLOCK = r"\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_METHOD = r"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) "
_LABEL = r"[A-Za-z0-9][\w-]{0,62}+"
_DOMAIN = r"(?:(?<=\.com|\.net|\.org|\.edu|\.gov)|(?<=\.info)|(?<=\.local)|(?<=\.internal))"
_END = r"(?![\w(-]|\.\w)"
_HOST = rf"{_LABEL}(?:(?:\.{_LABEL}){{1,8}}+{_DOMAIN}|(?:\.{_LABEL}){{2,8}}+(?<=\.[a-z][a-z])){_END}(?::\d+)?"
_EMAIL = r"[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+)++"
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
_COLONS = r"(?<!:)(?:[0-9a-fA-F]{1,4}+:){3,15}[0-9a-fA-F]{1,4}+(?![\w:])"
_HEX = r"(?=[a-fA-F]*+[0-9])(?=[0-9]*+[a-fA-F])[0-9a-fA-F]{8,}+\b"
_UNIT = r"(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|days?)\b"

# Tried in this order at each place where a word begins; every repetition is bounded or possessive, so that no input
# takes quadratic time. A name may come more than once: what begins with a digit cannot begin with a letter.
_PHRASES = (
    ("user", r"(?:by|for|from|of) user [\w.@-]+"),
    ("time", rf"(?:{_DAY},? )?{_MONTH} {{1,2}}\d{{1,2}},? {_CLOCK}(?: [A-Z]{{3,4}}\b)?(?: \d{{4}}\b)?"),
    ("url", r"https?://\S+"),
)
_DIGITS = (
    ("time", rf"\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?)?"),
    ("ip", rf"\d{{1,3}}(?:\.\d{{1,3}}){{3}}{_END}(?::\d+)?"),
    ("ip", _COLONS),
    ("uuid", _UUID),
    ("email", _EMAIL),
    ("host", _HOST),
    ("hex", rf"0x[0-9a-fA-F]++\b|{_HEX}"),
    ("duration", rf"\d+(?:\.\d+)?\s?{_UNIT}"),
)
_LETTERS = (
    ("path", r"[A-Za-z]:(?:[/\\]{1,3}[\w.@%+~-]++)++[/\\]?"),
    ("ip", _COLONS),
    ("uuid", _UUID),
    ("email", _EMAIL),
    ("host", _HOST),
    ("hex", _HEX),
    ("id", r"(?=[A-Za-z_-]*+\d)(?=[A-Za-z0-9]*+[_-])[A-Za-z_]\w{0,60}+(?:-\w{1,60}+){0,8}+"),
)
_SIGNS = (
    ("quoted", rf"\"(?!{_METHOD})[^\"\n]*\"|'[^'\n]*'(?!\w)"),
    ("ip", rf"/\d{{1,3}}(?:\.\d{{1,3}}){{3}}{_END}(?::\d+)?"),
    ("path", r"(?<![/\\.<>])\.{0,2}(?:[/\\]{1,3}[\w.@%+~-]++)++[/\\]?(?:\?\S*)?"),
    ("num", r"-\d+(?:[.,]\d+)*"),
)
_NUMBER = r"\d+(?:[.,]\d+)*"
# A word of letters alone, which most are, is passed over at once.
_PLAIN = r"[A-Za-z]{2,}+(?:[^\w.@:-]|[.:](?:\W|$)|$)"
_KINDS = (*_PHRASES, *_DIGITS, *_LETTERS, *_SIGNS)


def _alternatives(kinds: tuple[tuple[str, str], ...]) -> str:
    return "|".join(f"({pattern})" for _, pattern in kinds)


_VARIABLE = re.compile(
    rf"(?<!\w)(?:{_alternatives(_PHRASES)}|(?=\d)(?:{_alternatives(_DIGITS)})"
    rf"|(?=[A-Za-z_])(?!{_PLAIN})(?:{_alternatives(_LETTERS)})|(?![\w\s])(?:{_alternatives(_SIGNS)}))|{_NUMBER}"
)
# By the number of the group that matched; a number outside a group is just that.
_PLACEHOLDERS = (*(f"[{kind}]" for kind, _ in _KINDS), "[num]")
_PLACEHOLDER = rf"\[(?:{'|'.join(sorted({kind for kind, _ in _KINDS}))})\]"
_PLACEHOLDER_LIST = rf"{_PLACEHOLDER}(?:[\s,;]+{_PLACEHOLDER})*+"
_ANY_KIND = re.compile(rf"{_PLACEHOLDER_LIST}|\((?:{_PLACEHOLDER_LIST})?\)")
# The one mask with a digit of its own.
_HEX_MARK = "0x"
_ALIKE = bytes.maketrans(b"0123456789", b"1111111111")
_WORD = re.compile(r"[^\W\d_]\w*")
_CODE = re.compile(r"[^\W_]_[^\W_]|[a-z](?:Error|Exception)\b")


def template(message: str) -> str:
    """Return the first line of a message, at most ``LONGEST`` characters, with its variable parts named by their kind.

    ``took 31 ms for "bob"`` becomes ``took [duration] for [quoted]``. Detail behind the first colon goes when it is
    data alone: ``Address of customer [id] could not be verified: 12 Elm Street`` names its problem before the colon;
    ``Login failed: wrong password`` needs both sides.
    """
    line = message.lstrip().partition("\n")[0][:LONGEST].rstrip()
    return _template(line if _HEX_MARK in line else _with_digits_alike(line))


def shape(masked: str) -> str:
    """Return a template with ``*`` for each variable part, whatever its kind, and for a list of them.

    This is what makes two messages the same problem: an id that happens to have no letter is an id still.
    """
    return _ANY_KIND.sub("*", masked)


def _with_digits_alike(line: str) -> str:
    """Return the line with 1 for each digit: no mask asks which it is, so lines that differ in it share a result."""
    return line.encode("utf-8", "surrogatepass").translate(_ALIKE).decode("utf-8", "surrogatepass")


@lru_cache(maxsize=20_000)
def _template(line: str) -> str:
    return _without_data(_VARIABLE.sub(_placeholder, line))


@lru_cache(maxsize=20_000)
def _without_data(masked: str) -> str:
    head, _, detail = masked.partition(": ")
    return head if _names_problem(head) and _is_data(detail) else masked


def _placeholder(match: re.Match[str]) -> str:
    return _PLACEHOLDERS[(match.lastindex or 0) - 1]


def _names_problem(head: str) -> bool:
    return sum(word.isalpha() for word in head.split()) >= HEAD_WORDS


def _is_data(detail: str) -> bool:
    """Say whether the detail is made of names and numbers, as an address is, in any language.

    A sentence has small words behind its first one, which is no measure as it may have a capital; a class of errors
    and a constant say what happened.
    """
    words = _WORD.findall(_ANY_KIND.sub("", detail))
    names = sum(word[0].isupper() for word in words[1:])
    small = sum(word[0].islower() for word in words)
    return not words or (0 < names >= small and not _CODE.search(detail))
