"""Staged rows of transactions, made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from include.streams.fields import LINEAGE_FIELDS
from include.streams.transactions.model import SCHEMA

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAGED = pa.schema([*SCHEMA, *LINEAGE_FIELDS])


def row(number: int, card: int = 0, at_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """Return a staged transaction, ``at_s`` seconds after noon."""
    fields = {
        "tx_id": f"tx-{number:04d}",
        "card_token": f"{card:032x}",
        "card_last4": "4242",
        "amount": 5_000,
        "currency": "EUR",
        "merchant_id": f"M-{number}",
        "merchant": "A shop",
        "category": "groceries",
        "country": "DE",
        "device": "pos-0000000a",
        "created_at": NOW + timedelta(seconds=at_s),
        "_stream": "transactions",
        "_batch_id": "batch",
        "_shard_id": "shard",
        "_sequence_number": str(number),
        "_sub_sequence": 0,
        "_arrived_at": NOW + timedelta(seconds=at_s),
    }
    return fields | changes


def staged(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return rows as a staged table."""
    return pa.Table.from_pylist(list(rows), schema=STAGED)
