"""The compaction setting that the environment holds."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from include.settings import from_environment


class _Variables(BaseModel):
    compaction_settle_s: Annotated[float, Field(ge=0, le=86_400)] = 900


def settle_time(environment: Mapping[str, str] = os.environ) -> timedelta:
    """Return how long an hour rests before it is compacted: ``CALI_COMPACTION_SETTLE_S``, 15 minutes.

    Raises:
        ConfigurationError: the variable has a value that is not allowed.
    """
    names = {field: f"CALI_{field}".upper() for field in _Variables.model_fields}
    given = {field: name for field, name in names.items() if environment.get(name)}
    return timedelta(seconds=from_environment(_Variables, given, environment).compaction_settle_s)
