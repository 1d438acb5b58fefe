"""The contract of the transaction stream: what a record must be to count as a card transaction.

An amount is a whole number of the currency's minor unit, so no sum is ever rounded: ``12.5`` and ``"12.50"`` are
refused. The card number is looked at here and never kept: the columns hold its token.
"""

from collections.abc import Sequence
from typing import Annotated

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from include.luhn import is_sound
from include.streams.fields import TIME, Instant, columns_of, schema_of
from include.streams.transactions.cards import card_key, tokenised
from include.streams.transactions.currencies import EXPONENTS

MOST_MINOR_UNITS = 10**12
"""The largest amount; ten billion euros are no purchase."""


def _sound(number: str) -> str:
    if not is_sound(number):
        raise PydanticCustomError("card_number", "The card number's check digit is wrong")
    return number


def _known(currency: str) -> str:
    if currency not in EXPONENTS:
        raise PydanticCustomError("currency", "The currency is not one of ISO 4217's that are known here")
    return currency


class CardTransaction(BaseModel):
    """One card transaction; ``created_at`` is when it was made, ``device`` the kind of terminal and its id.

    ``tx_id`` is the transaction's for ever: a record that carries it again is the same transaction sent again. Fields
    that the contract does not name are left out of the columns: they could hold what must not be kept of a card.

    Raises:
        pydantic.ValidationError: the record breaks the contract; it belongs into the dead letters.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, cache_strings="keys")

    tx_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    card_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{12,19}$"), AfterValidator(_sound)]
    amount: Annotated[int, Field(ge=1, le=MOST_MINOR_UNITS)]
    currency: Annotated[str, AfterValidator(_known)]
    merchant_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    merchant: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=256)]
    category: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,64}$")]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    device: Annotated[str, StringConstraints(pattern=r"^(?:pos|atm|web|app)-[0-9a-f]{8}$")]
    created_at: Instant


SCHEMA: pa.Schema = schema_of(
    ("tx_id", pa.string()),
    ("card_token", pa.string()),
    ("card_last4", pa.string()),
    ("amount", pa.int64()),
    ("currency", pa.string()),
    ("merchant_id", pa.string()),
    ("merchant", pa.string()),
    ("category", pa.string()),
    ("country", pa.string()),
    ("device", pa.string()),
    ("created_at", TIME),
)
"""The columns of validated transactions; ``amount`` is in minor units."""
_AS_THEY_ARE = [name for name in SCHEMA.names if not name.startswith("card_")]


def to_columns(events: Sequence[CardTransaction]) -> dict[str, list[object]]:
    """Turn transactions into ``SCHEMA``'s columns, each as long as ``events`` and in its order.

    Raises:
        ConfigurationError: there is no key for the cards' tokens.
    """
    key = card_key()
    cards = [tokenised(event.card_number, key) for event in events]
    columns = columns_of(_AS_THEY_ARE, events)
    return columns | {"card_token": [card.token for card in cards], "card_last4": [card.last4 for card in cards]}
