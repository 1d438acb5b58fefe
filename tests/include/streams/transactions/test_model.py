"""What counts as a card transaction, and what is kept of one."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from include.errors import ConfigurationError
from include.streams.transactions.cards import card_key, tokenised
from include.streams.transactions.model import SCHEMA, CardTransaction, to_columns

SOUND: dict[str, Any] = {
    "tx_id": "tx-1",
    "card_number": "4242424242424242",
    "amount": 1234,
    "currency": "EUR",
    "merchant_id": "M-1",
    "merchant": 'Bäckerei, "Zur Mühle"\nHamburg',
    "category": "groceries",
    "country": "DE",
    "device": "pos-0000000a",
    "created_at": "2026-03-01T12:00:00+01:00",
}


def parsed(**changes: object) -> CardTransaction:
    """Return the sound transaction with some fields changed."""
    return CardTransaction.model_validate_json(json.dumps(SOUND | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"card_number": "4242424242424241"},
        {"card_number": "4242 4242 4242 4242"},
        {"card_number": 4242424242424242},
        {"amount": 12.5},
        {"amount": 12.0},
        {"amount": "1234"},
        {"amount": True},
        {"amount": 0},
        {"amount": -1},
        {"amount": 10**12 + 1},
        {"currency": "XXX"},
        {"currency": "eur"},
        {"country": "Germany"},
        {"device": "fax-00000000"},
        {"created_at": "2026-03-01T12:00:00"},
        {"tx_id": ""},
    ],
    ids=str,
)
def test_what_breaks_the_contract_is_refused(changes: dict[str, object]) -> None:
    """Nothing is rounded, guessed or repaired."""
    with pytest.raises(ValidationError):
        parsed(**changes)


def test_columns_hold_a_token_and_four_digits_in_place_of_the_card_number() -> None:
    """Neither the number nor an unknown field, which could be a secret of the card, is anywhere in them."""
    table = pa.table(to_columns([parsed(cvc="737")]), schema=SCHEMA)
    (row,) = table.to_pylist()
    assert (row["card_last4"], len(row["card_token"]), row["amount"]) == ("4242", 32, 1234)
    assert row["created_at"] == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert "42424242" not in str(row)
    assert "737" not in str(row)


def test_a_token_is_the_same_for_the_same_card_and_key_alone() -> None:
    """Another key gives another token, so tokens of two installations cannot be compared."""
    one = tokenised("4242424242424242", b"a" * 32)
    assert one == tokenised("4242424242424242", b"a" * 32)
    assert one.token != tokenised("4242424242424242", b"b" * 32).token
    assert one.token != tokenised("5555555555554444", b"a" * 32).token


@pytest.mark.parametrize("environment", [{}, {"CALI_CARD_KEY": "short"}])
def test_without_a_key_nothing_is_tokenised(environment: dict[str, str]) -> None:
    """The message names the variable."""
    with pytest.raises(ConfigurationError, match="CALI_CARD_KEY"):
        card_key(environment)
