"""Whether what a pattern of ``redaction`` found is a secret indeed: each function returns its length, or 0.

What takes long is asked last, and of a long value nothing is refused that has more labels in it: so the whole stays
linear.
"""

import re

from include.alerts.account_numbers import card_length, iban_length

Match = re.Match[str]

_SAID = frozenset(
    ("absent", "accepted", "authentication", "authorization", "changed", "default", "denied", "disabled", "empty",
     "enabled", "error", "exceeded", "expired", "failed", "failure", "false", "forbidden", "found", "hidden",
     "incorrect", "invalid", "locked", "malformed", "masked", "mismatch", "missing", "nil", "no", "none", "null", "ok",
     "optional", "present", "redacted", "refused", "rejected", "required", "reset", "revoked", "set", "too", "true",
     "unauthorized", "undefined", "unknown", "unset", "used", "verified", "wrong", "yes")
)  # fmt: skip
"""What is said of a secret, and is none."""
_FLAG = re.compile(r"(?<!\S)--?[\w-]{0,30}$")
_KEY = re.compile(r"(?i:api|access|account|private|signing|encryption|master|shared|storage|secret)[_. -]?$")
_PERSONS = re.compile(
    r"(?i:customer|full|first|last|middle|given|family|birth|maiden|sur|holder|beneficiary|recipient|payee|payer"
    r"|patient|employee|passenger|guest|subscriber|buyer|contact|person|billing|shipping)[_. -]?$"
)
_HOLDERS = re.compile(r"(?i:card|account)[_. -]?$")
_ADDRESSES = re.compile(r"(?i:street|home|billing|shipping|postal)[_. -]?$")
_WITHIN_A_WORD = re.compile(r"[\w.-]$")
_PARTICLES = r"(?:(?:van|von|der|den|de|di|da|dos|del|la|le|el|al|bin|ten|ter|zu) ){0,2}"
_NAMES = rf"[^\W\d_][\w.'\u2019-]*+(?: {_PARTICLES}[^\W\d_a-z][\w.'\u2019-]*+(?!=)){{0,4}}"
_OF_A_PERSON = re.compile(rf"{_NAMES}|[+(]?\d[\w./()-]*+")
_FIRST_AND_LAST_NAME = re.compile(rf"[^\W\d_a-z][\w.'\u2019-]{{0,40}}+ {_PARTICLES}[^\W\d_a-z][^\s=]{{1,40}}+(?!=)")
_BARE = re.compile(r"(?:[^\s,;&\"'<>)\]}]|[)\]}](?=[\w!@#$%^*]))++")
_LISTED = re.compile(r"(?i:digest|aws4-hmac-sha256|oauth)\s[^\r\n]++")
_BEFORE = {"name": _PERSONS, "holder": _HOLDERS, "address": _ADDRESSES}
_DEEPEST_SECRET = 3


def whole(match: Match) -> int:
    """All of it."""
    return len(match["secret"])


def labelled(match: Match) -> int:
    """The value behind a label, unless it only says something about it: ``token: expired``.

    Behind a colon and a space a small word may be a sentence's: it is a value when it ends what is said of a password.
    Behind a space alone it is one when the label is a flag: ``--password swordfish``.
    """
    if match["flag"] and not _FLAG.search(_before(match)):
        return 0
    return _told_of(match, _value(match, _BARE))


def of_authorization(match: Match) -> int:
    """The credentials of the header; those of some schemes are a list, up to the end of the line."""
    if match["flag"]:
        return 0
    listed = _LISTED.match(match.string, match.end())
    return len(listed[0]) if listed else _told_of(match, _value(match, _BARE))


def of_a_key(match: Match) -> int:
    """The value of a key that opens something; most keys are those of a map."""
    return labelled(match) if _KEY.search(_before(match)) else 0


def of_a_person(match: Match) -> int:
    """The value of a field that holds a person's data.

    A ``name`` alone may be anything's: it is a person's when it has a first and a last one.
    """
    if match["flag"]:
        return 0
    before, label = _before(match), match["strong"].lower()
    known = _BEFORE.get(label)
    if known is None or known.search(before):
        return _told_of(match, _value(match, _OF_A_PERSON))
    if label != "name" or _WITHIN_A_WORD.search(before) or not _FIRST_AND_LAST_NAME.match(match.string, match.end()):
        return 0
    return len(_value(match, _OF_A_PERSON))


def _value(match: Match, bare: re.Pattern[str]) -> str:
    """Return what stands behind the label and its separator: up to the closing quotation mark, or what is ``bare``."""
    text, start = match.string, match.end()
    if quote := match["quote"]:
        ends = (text.find(mark, start) for mark in (quote, "\n", "\r"))
        return text[start : min((end for end in ends if end >= 0), default=len(text))]
    found = bare.match(text, start)
    return found[0] if found else ""


def _told_of(match: Match, value: str) -> int:
    if value.rstrip(".!").lower() in _SAID or not value.strip("*"):
        return 0
    if match["prose"] and value.islower() and value.isalpha():
        end = match.end() + len(value)
        follows = match.string[end : end + 2]
        if not match["strong"] or (follows[:1] == " " and follows[1:].isalnum()):
            return 0
    return len(value)


def random_looking(match: Match) -> int:
    """What no language has as a word: with a digit, or with capitals behind its first letter."""
    value: str = match["secret"]
    return len(value) if any(character.isdigit() or character.isupper() for character in value[1:]) else 0


def of_aws(match: Match) -> int:
    """Forty characters of base64; a hash has fewer kinds of them, a path more slashes."""
    value: str = match["secret"]
    of_each = all(any(map(kind, value)) for kind in (str.islower, str.isupper, str.isdigit))
    return len(value) if of_each and value.count("/") <= _DEEPEST_SECRET else 0


def of_a_card(match: Match) -> int:
    """A card's number, by its issuer and check digit."""
    return card_length(match["secret"])


def of_a_bank_account(match: Match) -> int:
    """An IBAN, by its country's length and its check digits."""
    return iban_length(match["secret"])


def _before(match: Match) -> str:
    return match.string[max(0, match.start() - 34) : match.start()]
