"""The alert settings that the environment holds."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from include import streams
from include.alerts.filtering import FilterRules
from include.alerts.rates import RateRules
from include.alerts.settings import AlertSettings
from include.settings import from_environment

ITEM = re.compile(r"\s*/.+?/\s*(?=,|$)|[^,]+")
"""One item of a list: an expression between slashes, which may have commas of its own, or whatever has none."""


class _AlertVariables(BaseModel):
    """The alert settings that the environment may hold; lists are comma-separated, spans in seconds."""

    alert_channel: str = AlertSettings().alert_channel
    quality_channel: str = AlertSettings().quality_channel
    alert_levels: Annotated[str, Field(pattern=r"\w")] = ",".join(FilterRules().levels)
    alert_keywords: str = ""
    alert_held_back: str = ""
    alert_update_interval_s: Annotated[float, Field(ge=1, le=86_400)] = AlertSettings().update_interval.total_seconds()
    alert_repeat_interval_s: Annotated[float, Field(ge=1, le=7 * 86_400)] = (
        AlertSettings().repeat_interval.total_seconds()
    )
    alert_escalate_per_minute: Annotated[float, Field(gt=0)] | None = None
    alert_escalate_factor: Annotated[float, Field(gt=1, le=1_000)] = RateRules().factor
    alert_quiet_after_s: Annotated[float, Field(ge=10, le=30 * 86_400)] = AlertSettings().quiet_after.total_seconds()


def alert_settings(environment: Mapping[str, str] = os.environ) -> AlertSettings:
    """Return the alert settings: ``CALI_ALERT_CHANNEL``, ``CALI_ALERT_KEYWORDS`` (comma-separated) and so on.

    Raises:
        ConfigurationError: a variable has a value that is not allowed; the message names both.
    """
    names = {field: f"CALI_{field}".upper() for field in _AlertVariables.model_fields}
    given = {field: name for field, name in names.items() if environment.get(name)}
    variables = from_environment(_AlertVariables, given, environment)
    return AlertSettings(
        alert_channel=variables.alert_channel,
        quality_channel=variables.quality_channel,
        channels={
            stream: channel
            for stream in streams.names()
            if (channel := environment.get(f"CALI_{stream}_ALERT_CHANNEL".upper()))
        },
        rules=FilterRules(
            levels=_listed(variables.alert_levels),
            keywords=_listed(variables.alert_keywords),
            held_back=_listed(variables.alert_held_back),
        ),
        update_interval=timedelta(seconds=variables.alert_update_interval_s),
        repeat_interval=timedelta(seconds=variables.alert_repeat_interval_s),
        quiet_after=timedelta(seconds=variables.alert_quiet_after_s),
        rates=RateRules(bound=variables.alert_escalate_per_minute, factor=variables.alert_escalate_factor),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (found.strip() for found in ITEM.findall(text)) if part)
