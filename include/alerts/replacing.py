"""Replaces what a rule finds in a text. Whether a rule finds a secret is the business of ``redaction``.

Linear time, if the rules are: a pattern is tried where one of its few beginnings stands, or everywhere once.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from include.alerts import secret_values

STARS = "****"
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Rule(NamedTuple):
    """One kind of secret: what it looks like, and what is shown instead.

    Attributes:
        name: the kind, for people.
        pattern: finds it; its group ``secret`` is what goes, or where what goes begins.
        shown: what takes its place; ``{end}`` is its last four letters and digits.
        begins: lower-case texts that a match begins with, whatever their case in the text; it is looked for nowhere
            else. Without any it is looked for everywhere.
        needs: lower-case texts; where none of them stands, it is not looked for at all.
        length: how many characters from where ``secret`` begins are one indeed; 0 for none.
        wordy: whether letters of it would tell one group from another; what has none, ``masking`` takes out anyway.
    """

    name: str
    pattern: re.Pattern[str]
    shown: str
    begins: tuple[str, ...]
    needs: tuple[str, ...]
    length: Callable[[re.Match[str]], int]
    wordy: bool


def rule(
    name: str,
    pattern: str,
    shown: str = STARS,
    *,
    begins: str = "",
    needs: str = "",
    length: Callable[[re.Match[str]], int] = secret_values.whole,
    wordy: bool = True,
) -> Rule:
    """Return a rule; ``begins`` and ``needs`` are words."""
    return Rule(name, re.compile(pattern), shown, tuple(begins.split()), tuple(needs.split()), length, wordy)


def without(text: str, rules: Iterable[Rule], shown: str | None = None) -> str:
    """Return the text with every rule's secrets replaced, by ``shown`` if it is given."""
    lowered = _lowered(text)
    for rule in rules:
        if not _may_be_in(rule, lowered):
            continue
        redacted = "".join(_parts(rule, text, lowered, shown))
        if redacted != text:
            text, lowered = redacted, _lowered(redacted)
    return text


def _may_be_in(rule: Rule, lowered: str) -> bool:
    # A loop: for a short text it costs half of what any() does.
    for hint in rule.begins or rule.needs:
        if hint in lowered:
            return True
    return not (rule.begins or rule.needs)


def _lowered(text: str) -> str:
    lowered = text.lower()
    # Some letters of other scripts become two, which would move all places behind them.
    return lowered if len(lowered) == len(text) else text.translate(_ASCII_LOWER)


def _parts(rule: Rule, text: str, lowered: str, shown: str | None) -> Iterator[str]:
    done = 0
    for start, end in _spans(rule, text, lowered):
        yield text[done:start]
        yield shown or rule.shown.replace("{end}", "".join(filter(str.isalnum, text[start:end]))[-4:])
        done = end
    yield text[done:]


def _spans(rule: Rule, text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where the rule's secrets begin and end, none within another."""
    if not rule.begins:
        yield from _spans_anywhere(rule, text)
        return
    done = 0
    for place in _places(rule.begins, lowered):
        match = rule.pattern.match(text, place) if place >= done else None
        if match and (length := rule.length(match)):
            start = match.start("secret")
            done = start + length
            yield start, done


def _spans_anywhere(rule: Rule, text: str) -> Iterator[tuple[int, int]]:
    place = 0
    while match := rule.pattern.search(text, place):
        start, length = match.start("secret"), rule.length(match)
        # What was found and is none may hide the beginning of one.
        place = start + length if length else match.start() + 1
        if length:
            yield start, place


def _places(begins: Iterable[str], lowered: str) -> list[int]:
    places = []
    for begin in begins:
        place = lowered.find(begin)
        while place >= 0:
            places.append(place)
            place = lowered.find(begin, place + 1)
    return sorted(places)
