"""Wait for what is to come, without a fixed sleep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE = 4
"""How many times slower than usual a shared machine may be; who waits for what comes loses nothing by it."""


def eventually(look: Callable[[], T | None], seconds: float, otherwise: Callable[[], object], poll_s: float = 0.2) -> T:
    """Look until something true is seen and return it; fail after ``PATIENCE * seconds`` as ``otherwise`` says."""
    give_up = time.monotonic() + PATIENCE * seconds
    while not (seen := look()):
        assert time.monotonic() < give_up, f"not within {PATIENCE * seconds:.0f} s: {otherwise()}"
        time.sleep(poll_s)
    return seen
