"""What tests of the transaction stream share."""

import pytest


@pytest.fixture(autouse=True)
def _card_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the cards a key for their tokens."""
    monkeypatch.setenv("CALI_CARD_KEY", "k" * 32)
