"""How long things are kept, as the environment says; 0 or an empty value keeps for ever."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from include.housekeeping.rooms import PurgedRoom
from include.settings import from_environment

Days = Annotated[float, Field(ge=0, le=36_500)]
VARIABLE = "CALI_RETENTION_{}"


class Retention(BaseModel):
    """The settings; a field is set by ``CALI_RETENTION_<FIELD>``.

    Attributes:
        raw_days: days of ``raw/`` objects, from their drain on; as for the other rooms.
        staged_days: of ``staged/``.
        clean_days: of the small objects in ``clean/``, which go only where their hour is compacted.
        compacted_days: of ``compacted/``.
        dlq_days: of ``dlq/``; dead letters that nobody has redriven until then are given up.
        quality_days: of Data Docs pages.
        replay_days: of what replays wrote.
        tables_days: of events in tables of streams' own, from when they happened on.
        ledger_days: of rows in CALI's database; a batch's row stays as long as one of its objects.
        metadata_days: of runs and their like in Airflow's own database.
        logs_days: of task logs on this machine.
        orphans_hours: hours before an object that the ledger does not name is removed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw_days: Days = 30
    staged_days: Days = 7
    clean_days: Days = 7
    compacted_days: Days = 0
    dlq_days: Days = 90
    quality_days: Days = 30
    replay_days: Days = 14
    tables_days: Days = 90
    ledger_days: Days = 90
    metadata_days: Days = 3
    logs_days: Days = 14
    orphans_hours: Annotated[float, Field(ge=0, le=8_760)] = 24

    def of(self, room: PurgedRoom) -> timedelta | None:
        """Return how long a room's objects are kept; None is for ever."""
        return span(getattr(self, f"{room}_days"))


def span(days: float) -> timedelta | None:
    """Return a setting's days as a span; None is for ever."""
    return timedelta(days=days) if days else None


def retention(environment: Mapping[str, str] = os.environ) -> Retention:
    """Return the settings.

    Raises:
        ConfigurationError: a variable has a value that is not allowed; the message names both.
    """
    names = {field: VARIABLE.format(field.upper()) for field in Retention.model_fields}
    given = {field: name for field, name in names.items() if name in environment}
    # Set to nothing is a decision as well: to keep for ever.
    values = {name: environment[name].strip() or "0" for name in given.values()}
    return from_environment(Retention, given, values)
