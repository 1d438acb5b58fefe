"""What the SLA board shows: every definition with its state, windows, figures and open violations, as JSON has it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from include.ledger.postgres import snapshot
from include.sql import query

Row = dict[str, Any]
WINDOWS = 60
"""Windows of the strip."""
VIOLATIONS = 5
"""Open violations of a definition that are spelt out; the others are counted."""


def board(connection: psycopg.Connection, now: datetime) -> dict[str, object]:
    """Return the board as JSON has it: times in ISO 8601, shares in percent, all of one snapshot.

    Each definition has ``attainment`` (of 1, 7 and 30 days), ``windows`` (the last ones, oldest first) and
    ``violations`` (open ones, unseen and new ones first).

    Raises:
        psycopg.OperationalError: Postgres was away.
    """
    rows = _rows(connection)
    parts = {name: _by_definition(rows[name]) for name in ("attainment", "windows", "violations")}
    return {
        "now": now.isoformat(),
        "definitions": [
            _jsonable(one) | {name: part.get(one["definition_id"], []) for name, part in parts.items()}
            for one in rows["definitions"]
        ],
    }


def _rows(connection: psycopg.Connection) -> Mapping[str, Sequence[Row]]:
    values = {"windows": WINDOWS, "violations": VIOLATIONS}
    names = ("definitions", "attainment", "windows", "violations")
    with snapshot(connection) as cursor:
        return {name: cursor.execute(query(f"sla_board_{name}"), values).fetchall() for name in names}


def _by_definition(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        kept = {name: value for name, value in row.items() if name != "definition_id"}
        found.setdefault(row["definition_id"], []).append(_jsonable(kept))
    return found


def _jsonable(row: Row) -> Row:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
