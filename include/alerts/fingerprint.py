"""What makes two records the same problem.

A fingerprint's value never moves: it is a hash over what is named here and over ``VERSION``. A better rule is a new
version with new values; groups of the old one close by themselves when nothing is added to them.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from include.alerts.event import EXPECTATIONS, REASON, SUITE, AlertEvent, Category, severity_of
from include.alerts.masking import template
from include.alerts.traces import Section, sections

VERSION = 1
STEM_WORDS = 3


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of a problem: ``value`` is 32 hex digits, ``title`` is one line without variable parts."""

    value: str
    version: int
    title: str


def fingerprint(event: AlertEvent) -> Fingerprint:
    """Return an event's fingerprint; the stream is no part of it, a store keeps each stream's groups apart.

    A failed suite is known by its stream, name and failed expectations; a gap by its stream and reason; a stack trace
    (Java or Python, in its own field or inside the message) by its chain of exceptions and the application's own
    frames; anything else by service, level and the template of its message.
    """
    if event.category is Category.QUALITY:
        suite, expectations = event.attributes[SUITE], event.attributes[EXPECTATIONS]
        return _of(("quality", event.stream, suite, expectations), event.title)
    if event.category is Category.GAP:
        return _of(("gap", event.stream, event.attributes[REASON]), event.title)
    chain = sections(event.stack_trace) if event.stack_trace else ()
    if not chain and "\n" in event.message:
        chain = sections(event.message)
    if chain:
        return _of_trace(chain)
    masked = stem(template(event.message) or template(event.title))
    return _of(("message", event.service, severity_of(event.severity), masked), masked or "(empty message)")


def stem(masked: str) -> str:
    """Return what a template says before the detail behind its first colon, where that is at least three plain words.

    ``Address of customer [id] could not be verified: 12 Elm Street`` names its problem before the colon, and behind
    it is free text that no mask knows. ``Login failed: wrong password`` needs both sides.
    """
    head, colon, _ = masked.partition(": ")
    words = [word for word in head.split() if not word.startswith("[")]
    return head if colon and len(words) >= STEM_WORDS else masked


@lru_cache(maxsize=20_000)
def _of_trace(chain: tuple[Section, ...]) -> Fingerprint:
    root = chain[0]
    parts = [part for section in chain for part in (section.exception, *section.frames)]
    frames = [frame for section in chain for frame in section.frames]
    where = f" in {frames[0]}" if frames else ""
    return _of(("trace", *parts), f"{root.exception.rpartition('.')[2] or 'Exception'}{where}")


@lru_cache(maxsize=20_000)
def _of(parts: tuple[str, ...], title: str) -> Fingerprint:
    text = "\0".join([str(VERSION), *parts])
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Fingerprint(digest[:32], VERSION, title)
