"""Incidents in Postgres; their rules are the tables' keys and the queries ``sla_incident_…``."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from include.sla.contract import SlaType
from include.sla.incidents.values import Case, Draft, Incident, Kind
from include.sql import query

LOCK = "select pg_advisory_xact_lock(hashtextextended('cali.sla_incidents', 0))"


class IncidentBook:
    """Incidents over one connection in autocommit mode; a transaction that is open on it is joined."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One transaction; nobody else is in such a one meanwhile, so what is read in it stays true to its end."""
        with self._connection.transaction():
            self._connection.execute(LOCK)
            yield

    def cases(self) -> Sequence[Case]:
        """Return the definitions with a violation that nobody was told of, or with an open incident."""
        return [Case(**row | {"sla_type": SlaType(row["sla_type"])}) for row in self._rows("sla_cases", {})]

    def open(self, draft: Draft, now: datetime) -> Incident | None:
        """Write an incident down, or return None: its subject has an open one, or (a run) had one."""
        return self._one("sla_incident_open", asdict(draft) | {"now": now})

    def attach(self, definition_id: int, incident_id: int, now: datetime) -> Incident | None:
        """Count the definition's untold violations to the incident: they are told by it."""
        values = {"definition_id": definition_id, "incident_id": incident_id, "now": now}
        return self._one("sla_incident_attach", values)

    def escalate(self, incident_id: int, now: datetime) -> Incident | None:
        """Note that an incident is escalated, or return None: it was, or it is over."""
        return self._one("sla_incident_escalate", {"incident_id": incident_id, "now": now})

    def recover(
        self, incident_id: int, recovery: str, now: datetime, completed_at: datetime | None = None
    ) -> Incident | None:
        """End an incident, or return None: it has ended before."""
        values = {"incident_id": incident_id, "recovery": recovery, "now": now, "completed_at": completed_at}
        return self._one("sla_incident_recover", values)

    def open_ones(self, kind: Kind) -> Sequence[Incident]:
        """Return the open incidents of a kind, the oldest first."""
        return [_incident(row) for row in self._rows("sla_incidents_open", {"kind": kind})]

    def _one(self, name: str, values: Mapping[str, object]) -> Incident | None:
        found = self._rows(name, values)
        return _incident(found[0]) if found else None

    def _rows(self, name: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query(name), values).fetchall()


def _incident(row: Mapping[str, Any]) -> Incident:
    sla_type = SlaType(row["sla_type"]) if row["sla_type"] else None
    return Incident(**dict(row) | {"kind": Kind(row["kind"]), "sla_type": sla_type})
