"""What the watcher looks at: Airflow's health page, and CALI's Postgres."""

import http.client
import json
import logging
import urllib.request
from datetime import datetime, timedelta
from typing import Any

import psycopg

from include.sla.heartbeat import MONITOR as MONITORS_BEAT
from include.sla.heartbeat import WATCHER, beat, last_beat
from include.sql import query
from include.watcher.decide import POSTGRES, Sighting, of_health, of_lag, of_monitor

log = logging.getLogger(__name__)
TIMEOUT_S = 10


def health(airflow: str) -> dict[str, Any] | None:
    """Return Airflow's health page, or None where it does not answer."""
    try:
        with urllib.request.urlopen(f"{airflow}/api/v2/monitor/health", timeout=TIMEOUT_S) as answer:  # noqa: S310
            page = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException) as error:
        log.info("no health page error=%r", error)
        return None
    return {part: said for part, said in page.items() if isinstance(said, dict)} if isinstance(page, dict) else None


class Eyes:
    """Looks, with one connection to Postgres that is kept from look to look and made anew when it is gone."""

    def __init__(self, airflow: str, postgres: str, longest_lag: timedelta | None) -> None:
        self._airflow = airflow
        self._uri = postgres
        self._longest_lag = longest_lag
        self.connection: psycopg.Connection | None = None

    def look(self, now: datetime) -> Sighting:
        """Return what is to be seen now; afterwards ``connection`` is None where Postgres is away."""
        ill, well = of_health(health(self._airflow))
        try:
            seen = [self._ask(now)]
        except psycopg.Error as error:
            log.info("no Postgres error=%s", type(error).__name__)
            self.close()
            seen = [({POSTGRES: "it does not answer"}, frozenset())]
        for more_ill, more_well in seen:
            ill, well = ill | more_ill, well | more_well
        return Sighting(now, ill, well)

    def _ask(self, now: datetime) -> tuple[dict[str, str], frozenset[str]]:
        if self.connection is None or self.connection.closed:
            self.connection = psycopg.connect(self._uri, autocommit=True, connect_timeout=TIMEOUT_S)
        beat(self.connection, WATCHER, now)
        silent, working = of_monitor(last_beat(self.connection, MONITORS_BEAT), now)
        lags: dict[str, float] = dict(self.connection.execute(query("watcher_lags")).fetchall())
        behind, close = of_lag(lags, self._longest_lag)
        return silent | behind, working | close | {POSTGRES}

    def close(self) -> None:
        """Let the connection go."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
