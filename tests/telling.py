"""How a command of the tests says how far it is."""

import logging
import sys
import time
from collections.abc import Callable

Say = Callable[[str], None]
"""Takes a line of progress."""


def teller() -> Say:
    """Return what says a line with the seconds since now; what libraries log is told from warnings on."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # While a server starts, those who ask it are refused; only the last answer counts.
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {text}\n")
        sys.stdout.flush()

    return say
