"""When days are summarised and where that is told, as the environment says it."""

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from include.settings import SCHEDULE, from_environment


class SummarySettings(BaseModel):
    """A field is set by ``CALI_DAILY_SUMMARY_<FIELD>``.

    Attributes:
        schedule: a cron expression in UTC, behind the end of the day and before its deadline.
        channel: where yesterday's summary is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The day's last hour is processed by then, and where a day ends before that, it is early morning still.
    schedule: Annotated[str, Field(pattern=SCHEDULE)] = "20 1 * * *"
    channel: Annotated[str, Field(min_length=1)] = "cali-alerts"


def summary_settings(environment: Mapping[str, str] = os.environ) -> SummarySettings:
    """Return the settings.

    Raises:
        ConfigurationError: a variable has a value that is not allowed; the message names both.
    """
    names = {field: f"CALI_DAILY_SUMMARY_{field}".upper() for field in SummarySettings.model_fields}
    given = {field: name for field, name in names.items() if environment.get(name)}
    return from_environment(SummarySettings, given, environment)
