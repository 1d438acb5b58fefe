"""The alert settings that the environment holds."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Json

from include import streams
from include.alerts.filtering import FilterRules
from include.alerts.rates import RateRules
from include.alerts.routing import Links, Route, Routing
from include.alerts.settings import AlertSettings
from include.errors import ConfigurationError
from include.settings import from_environment

ITEM = re.compile(r"\s*/.+?/\s*(?=,|$)|[^,]+")
"""One item of a list: an expression between slashes, which may have commas of its own, or whatever has none."""


class _Route(BaseModel):
    """One route as ``CALI_ALERT_ROUTES`` holds it."""

    model_config = ConfigDict(extra="forbid")

    channel: Annotated[str, Field(min_length=1)]
    service: str | None = None
    level: str | None = None
    team: str | None = None


class _AlertVariables(BaseModel):
    """The alert settings that the environment may hold; lists are comma-separated, spans in seconds."""

    alert_channel: str = AlertSettings().alert_channel
    quality_channel: str = AlertSettings().quality_channel
    alert_fallback_channel: str | None = None
    alert_routes: Json[tuple[_Route, ...]] = ()
    alert_teams: Json[dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    alert_batch_url: Annotated[str, Field(pattern="^https?://")] | None = None
    alert_record_url: Annotated[str, Field(pattern="^https?://")] | None = None
    alert_storm_groups: Annotated[int, Field(ge=1, le=1_000)] = AlertSettings().storm_groups
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
        routing=_routing(variables),
        fallback_channel=variables.alert_fallback_channel,
        links=Links(variables.alert_batch_url, variables.alert_record_url),
        storm_groups=variables.alert_storm_groups,
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


def _routing(variables: _AlertVariables) -> Routing:
    routes = tuple(Route(**route.model_dump()) for route in variables.alert_routes)
    unknown = sorted({route.team for route in routes if route.team} - set(variables.alert_teams))
    if unknown:
        raise ConfigurationError(f"CALI_ALERT_ROUTES names {', '.join(unknown)}, which CALI_ALERT_TEAMS does not list")
    return Routing(routes, variables.alert_teams)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (found.strip() for found in ITEM.findall(text)) if part)
