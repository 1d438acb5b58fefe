"""When streams are reconciled, as the environment says it."""

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from include.settings import SCHEDULE, from_environment


class _ReconcileVariables(BaseModel):
    # Soon after midnight: with a retention of 24 hours the stream drops what it proves minute by minute.
    reconcile_schedule: Annotated[str, Field(pattern=SCHEDULE)] = "10 0 * * *"


def reconcile_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return the cron expression (UTC) by which yesterday is reconciled: ``CALI_RECONCILE_SCHEDULE``.

    Raises:
        ConfigurationError: the variable has a value that is not allowed.
    """
    names = {field: f"CALI_{field}".upper() for field in _ReconcileVariables.model_fields}
    given = {field: name for field, name in names.items() if environment.get(name)}
    return from_environment(_ReconcileVariables, given, environment).reconcile_schedule
