"""Error budgets that burn too fast: told once when one begins to, and once when it does not any more.

The rates, their spans and thresholds are the view ``cali.sla_burn_rates``; its source is
https://sre.google/workbook/alerting-on-slos/. Here is what follows from them.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Protocol

from include.alerts.contract import AlertStore
from include.alerts.outbox import Notice
from include.sla.burn_message import begun, ended


class Outcome(StrEnum):
    """How a burn ended: it does not burn any more, or nothing is promised any more."""

    RECOVERED = "recovered"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class BurnRate:
    """How fast an enabled definition spends its error budget, by one rule; 1 spends it in just its period.

    ``burning`` and ``calm`` are None where nothing can be told; between the two lies what neither begins nor ends a
    burn.
    """

    definition_id: int
    pipeline_name: str
    sla_type: str
    slack_channel: str
    severity: str
    owner: str
    long_minutes: int
    short_minutes: int
    windows: int
    bad: int
    long_rate: float | None
    short_rate: float | None
    burning: bool | None
    calm: bool | None


@dataclass(frozen=True, slots=True)
class Burn:
    """A row of ``cali.sla_burns``: a budget that burned, with what it burned by when that was seen."""

    definition_id: int
    started_at: datetime
    pipeline_name: str
    sla_type: str
    slack_channel: str
    severity: str
    long_minutes: int
    long_rate: float
    short_rate: float
    windows: int
    bad: int
    ended_at: datetime | None = None
    outcome: Outcome | None = None


class BurnBook(Protocol):
    """The burn rates as they are, and the burns that people were told of. One is open for a definition, or none."""

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        ...

    def rates(self) -> Sequence[BurnRate]:
        """Return the enabled definitions' rates, a definition's one after the other."""
        ...

    def burns(self) -> Sequence[Burn]:
        """Return every burn, oldest first."""
        ...

    def begin(self, burn: Burn) -> bool:
        """Write a burn down; false where one of the definition is open."""
        ...

    def end(self, burn: Burn, outcome: Outcome, now: datetime) -> bool:
        """Write down how a burn ended; false where it had ended before."""
        ...


@dataclass(slots=True)
class BurnReport:
    """How many burns this call saw begin and end."""

    begun: int = 0
    ended: int = 0


def watch_burns(book: BurnBook, alerts: AlertStore, now: datetime) -> BurnReport:
    """Begin and end burns, and put what is to be told into the outbox, each in one transaction.

    ``book`` and ``alerts`` are of one database, or the transaction holds for neither. Two at once tell nothing twice.

    Raises:
        psycopg.OperationalError: Postgres was away; what was told stays.
    """
    report = BurnReport()
    rates = {of: list(group) for of, group in groupby(book.rates(), key=lambda rate: rate.definition_id)}
    still_open = {burn.definition_id: burn for burn in book.burns() if burn.ended_at is None}
    for definition_id in sorted(rates.keys() | still_open):
        current = still_open.get(definition_id)
        step = decide(rates.get(definition_id, []), current)
        if isinstance(step, BurnRate):
            report.begun += _begin(book, alerts, step, now)
        elif step and current:
            report.ended += _end(book, alerts, current, step, now)
    return report


def decide(rates: Sequence[BurnRate], burn: Burn | None) -> BurnRate | Outcome | None:
    """Return the rate by which a burn begins, or how the open one ends, or None where all stays as it is.

    A burn ends when every rule's short span is calm. Where nothing can be told, nothing begins and nothing ends.

    Args:
        rates: an enabled definition's rates; empty where it was disabled or deleted.
        burn: its open burn.
    """
    if burn is None:
        return next((rate for rate in rates if rate.burning), None)
    if not rates:
        return Outcome.WITHDRAWN
    return Outcome.RECOVERED if all(rate.calm for rate in rates) else None


def _begin(book: BurnBook, alerts: AlertStore, rate: BurnRate, now: datetime) -> bool:
    # A rate that burns is known.
    known = {"long_rate": rate.long_rate or 0, "short_rate": rate.short_rate or 0}
    shared = ("definition_id", "pipeline_name", "sla_type", "slack_channel", "severity", "long_minutes")
    values = {name: getattr(rate, name) for name in (*shared, "windows", "bad")}
    burn = Burn(started_at=now, **values | known)
    with book.transaction():
        if not book.begin(burn):
            return False
        message = begun(burn.pipeline_name, burn.sla_type, rate.owner, burn.long_minutes, burn.long_rate, rate.bad)
        alerts.enqueue(Notice(_key(burn, "burning"), burn.slack_channel, _level(burn), message), now)
    return True


def _end(book: BurnBook, alerts: AlertStore, burn: Burn, outcome: Outcome, now: datetime) -> bool:
    with book.transaction():
        if not book.end(burn, outcome, now):
            return False
        message = ended(burn.pipeline_name, burn.sla_type, outcome, now - burn.started_at)
        alerts.enqueue(Notice(_key(burn, outcome), burn.slack_channel, "INFO", message), now)
    return True


def _key(burn: Burn, what: str) -> str:
    return f"sla-burn:{burn.definition_id}:{burn.started_at.isoformat()}:{what}"


def _level(burn: Burn) -> str:
    return {"critical": "FATAL", "warning": "ERROR"}.get(burn.severity, "WARN")
