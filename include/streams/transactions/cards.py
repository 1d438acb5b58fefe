"""Card numbers: the token that stands for one wherever it is kept.

A token is HMAC-SHA256 over the number under a secret key: without the key nobody can try numbers until one fits.
"""

import hmac
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from include.errors import ConfigurationError

KEY_VARIABLE = "CALI_CARD_KEY"
SHORTEST_KEY = 32
"""Characters; 32 hexadecimal digits are 128 bits."""
TOKEN_DIGITS = 32
_KEPT = 1 << 16
"""How many numbers' results a process keeps: cards come back, and a token costs more than to look it up."""


class Card(NamedTuple):
    """What is kept of a card number: a token of 32 hexadecimal digits, and its last four digits."""

    token: str
    last4: str


@lru_cache(maxsize=_KEPT)
def tokenised(number: str, key: bytes) -> Card:
    """Return what is kept of a card number under a key."""
    return Card(hmac.digest(key, number.encode(), "sha256").hex()[:TOKEN_DIGITS], number[-4:])


def card_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the key under which cards have their tokens.

    Raises:
        ConfigurationError: there is none, or it is too short to be a secret.
    """
    key = environment.get(KEY_VARIABLE, "")
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(
            f"{KEY_VARIABLE} is {'too short' if key else 'not set'}: set {SHORTEST_KEY} random characters or more, "
            "and keep it: another key gives every card another token"
        )
    return key.encode()
