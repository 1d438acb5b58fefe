"""A transaction as the fraud rules see it, and what a rule says of one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

SECOND = 1_000_000
"""Of the unit of ``at``."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""From when on ``at`` counts."""


class Transaction(NamedTuple):
    """A card's transaction: ``at`` in microseconds since 1970, ``amount`` in minor units of ``currency``.

    Transactions are ordered by ``at`` and then ``tx_id``, whichever came first to us.
    """

    at: int
    tx_id: str
    card: str
    amount: int
    currency: str
    merchant: str
    country: str
    device: str

    @property
    def online(self) -> bool:
        """Whether the card itself was nowhere to be seen."""
        return self.device.startswith(("web", "app"))


History = Sequence[Transaction]
"""A card's transactions before the one that is judged, in their order, as far as they are looked at."""


class Finding(NamedTuple):
    """Why a transaction is suspicious; ``members`` are earlier ones that the same pattern consists of."""

    rule: str
    reason: str
    members: tuple[Transaction, ...] = ()


def transactions(rows: pa.Table) -> list[Transaction]:
    """Return staged rows as the rules see them."""
    at = rows.column("created_at").cast(pa.int64())
    names = ("tx_id", "card_token", "amount", "currency", "merchant_id", "country", "device")
    columns: list[list[Any]] = [at.to_pylist(), *(rows.column(name).to_pylist() for name in names)]
    return [Transaction(*values) for values in zip(*columns, strict=True)]
