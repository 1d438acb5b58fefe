"""The watcher's settings, all of them from the environment: it runs where Airflow may be away."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, Field

from include.errors import ConfigurationError
from include.settings import from_environment
from include.watcher.decide import PATIENCE
from include.webhook.environment import webhook_timeout_s
from include.webhook.receiver import Receiver

if TYPE_CHECKING:
    from include.adapters.slack import Messenger

SLACK = "AIRFLOW_CONN_SLACK_DEFAULT"
WEBHOOK = "AIRFLOW_CONN_CALI_WEBHOOK"
POSTGRES = "CALI_POSTGRES_URI"
AIRFLOW_API = "CALI_WATCH_AIRFLOW_URL"
AIRFLOW = "CALI_AIRFLOW_URL"
SWITCH = "CALI_DEAD_MANS_SWITCH_URL"
SLACK_TIMEOUT_S = 10


class _Variables(BaseModel):
    every_s: Annotated[float, Field(ge=1, le=3_600)] = 30
    patience_s: Annotated[float, Field(ge=1, le=86_400)] = PATIENCE.total_seconds()
    # Beyond every service level's own lag: those are the monitor's.
    longest_lag_s: Annotated[float, Field(ge=0, le=7 * 86_400)] = 1_800
    channel: str = "cali-alerts"
    alive_file: Path | None = None


@dataclass(frozen=True, slots=True)
class WatcherSettings:
    """What the watcher looks at, how often, and whom it tells; addresses and tokens are never shown.

    ``links`` is Airflow's address for people, ``airflow`` the one that the watcher itself reaches it by.
    ``alive_file`` is touched at each look, for whoever watches the watcher.
    """

    airflow: str
    links: str
    postgres: str = field(repr=False)
    slack: Mapping[str, Any] = field(repr=False)
    channel: str
    every_s: float
    patience: timedelta
    longest_lag: timedelta | None
    switch_url: str | None = field(repr=False, default=None)
    receiver: Receiver | None = field(repr=False, default=None)
    alive_file: Path | None = None

    def messenger(self) -> "Messenger":
        """Return Slack, without Airflow: the API with a bot token, or an incoming webhook."""
        from slack_sdk import WebClient  # noqa: PLC0415 - only when there is something to say
        from slack_sdk.webhook import WebhookClient  # noqa: PLC0415

        from include.adapters.slack import SlackApiMessenger, SlackWebhookMessenger  # noqa: PLC0415

        secret = str(self.slack.get("password") or "")
        if self.slack.get("conn_type") == "slackwebhook":
            return SlackWebhookMessenger({}, default=WebhookClient(secret, timeout=SLACK_TIMEOUT_S))
        base_url = _extra(self.slack).get("base_url") or WebClient.BASE_URL
        return SlackApiMessenger(WebClient(secret, base_url=str(base_url), timeout=SLACK_TIMEOUT_S))


def watcher_settings(environment: Mapping[str, str] = os.environ) -> WatcherSettings:
    """Return the watcher's settings.

    Raises:
        ConfigurationError: a variable is missing or wrong; the message names it and shows no secret.
    """
    names = {name: f"CALI_WATCH_{name}".upper() for name in _Variables.model_fields}
    given = {name: variable for name, variable in names.items() if environment.get(variable)}
    variables = from_environment(_Variables, given, environment)
    links = _url(environment, AIRFLOW)
    return WatcherSettings(
        airflow=_url(environment, AIRFLOW_API) if environment.get(AIRFLOW_API) else links,
        links=links,
        postgres=_needed(environment, POSTGRES),
        slack=_connection(environment, SLACK),
        channel=variables.channel,
        every_s=variables.every_s,
        patience=timedelta(seconds=variables.patience_s),
        longest_lag=timedelta(seconds=variables.longest_lag_s) if variables.longest_lag_s else None,
        switch_url=_url(environment, SWITCH) if environment.get(SWITCH) else None,
        receiver=_receiver(environment),
        alive_file=variables.alive_file,
    )


def _receiver(environment: Mapping[str, str]) -> Receiver | None:
    if not environment.get(WEBHOOK):
        return None
    found = _connection(environment, WEBHOOK)
    return Receiver(str(found.get("host") or ""), str(found.get("password") or ""), webhook_timeout_s(environment))


def _needed(environment: Mapping[str, str], variable: str) -> str:
    if not environment.get(variable):
        raise ConfigurationError(f"{variable} is not set: the watcher reads it from its environment")
    return environment[variable]


def _url(environment: Mapping[str, str], variable: str) -> str:
    url = _needed(environment, variable).rstrip("/")
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ConfigurationError(f"{variable} is no http(s) URL")
    return url


def _connection(environment: Mapping[str, str], variable: str) -> Mapping[str, Any]:
    """Return a Connection in either of the forms that Airflow takes: a JSON object, or a URI."""
    text = _needed(environment, variable)
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else _of_uri(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.get("conn_type"):
        raise ConfigurationError(f"{variable} is neither a JSON object with a conn_type nor a URI")
    return found


def _of_uri(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    return {
        "conn_type": parts.scheme,
        "host": unquote(parts.hostname or ""),
        "password": unquote(parts.password or ""),
        "extra": dict(parse_qsl(parts.query)),
    }


def _extra(connection: Mapping[str, Any]) -> Mapping[str, Any]:
    extra = connection.get("extra") or {}
    found = json.loads(extra) if isinstance(extra, str) else extra
    return found if isinstance(found, dict) else {}
