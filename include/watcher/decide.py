"""What the watcher makes of what it saw: pure, over the sightings and the clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

AIRFLOW = "airflow"
"""Airflow's API server, by its health page."""
POSTGRES = "postgres"
"""CALI's database."""
MONITOR = "sla_monitor"
"""The DAG that judges service levels, by its heartbeat."""
STREAM = "the stream "
"""Before a stream's name: one that nobody drains."""
PATIENCE = timedelta(minutes=3)
"""More than a start of all of Airflow takes."""
MONITORS_PATIENCE = timedelta(minutes=5)
"""The monitor comes each minute, so it has missed five of them."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look has found; a part of the platform is named as Airflow's health page names it.

    Attributes:
        at: when.
        ill: each part that is not well, and why. A part that was not looked at is in neither this nor ``well``.
        well: the parts that are.
    """

    at: datetime
    ill: Mapping[str, str] = field(default_factory=dict)
    well: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Silence:
    """A part of the platform that has been silent for too long, since when, and why one thinks so."""

    part: str
    since: datetime
    why: str


@dataclass(slots=True)
class Watch:
    """Since when each part that is not well has not been; what a look makes of it.

    A part is silent once it was not well in every look of ``patience``: a restart is no silence. While a part of
    Airflow is not well nobody asks why the monitor does not judge, and while the monitor judges, a stream that is not
    drained is a matter of its service level: people are told of the cause, once.
    """

    patience: timedelta = PATIENCE
    since: dict[str, datetime] = field(default_factory=dict)

    def look(self, sighting: Sighting) -> list[Silence]:
        """Take a look in; return every part that is silent now."""
        ill = {part: why for part, why in sighting.ill.items() if not _follows(part, sighting)}
        self.since = {part: self.since.get(part, sighting.at) for part in ill}
        return [
            Silence(part, self.since[part], why)
            for part, why in sorted(ill.items())
            if sighting.at - self.since[part] >= self.patience
        ]


def _follows(part: str, sighting: Sighting) -> bool:
    """Return whether a part is only ill because another one is, or looked after by one that is well."""
    if part.startswith(STREAM):
        return MONITOR not in sighting.ill or _follows(MONITOR, sighting)
    return part == MONITOR and any(one != MONITOR and not one.startswith(STREAM) for one in sighting.ill)


def of_health(
    page: Mapping[str, Mapping[str, str | None]] | None, why: str = "its health page does not answer"
) -> tuple[dict[str, str], frozenset[str]]:
    """Return what Airflow's health page says: the parts that are ill and why, and those that are well.

    Args:
        page: the answer; None where there was none.
        why: why there was none.
    """
    if page is None:
        return {AIRFLOW: why}, frozenset()
    ill: dict[str, str] = {}
    for part, said in page.items():
        # A part that was never started has no status: nobody misses a triggerer that there is none of.
        if said.get("status") == "unhealthy":
            beat = said.get(f"latest_{part}_heartbeat")
            ill[part] = f"its last heartbeat was at {beat}" if beat else "it is not healthy"
    well = {part for part, said in page.items() if said.get("status") == "healthy"}
    return ill, frozenset({AIRFLOW, *well})


def of_monitor(beat_at: datetime | None, now: datetime) -> tuple[dict[str, str], frozenset[str]]:
    """Return whether the monitor is at work; one that never was is not missed."""
    if beat_at is None:
        return {}, frozenset()
    if now - beat_at >= MONITORS_PATIENCE:
        return {
            MONITOR: f"it judged last at {beat_at:%Y-%m-%d %H:%M:%S} UTC: paused, or without a scheduler?"
        }, frozenset()
    return {}, frozenset({MONITOR})


def of_lag(lags: Mapping[str, float], longest: timedelta | None) -> tuple[dict[str, str], frozenset[str]]:
    """Return the streams that nobody drains; ``lags`` are in seconds, and None for ``longest`` switches this off."""
    if longest is None:
        return {}, frozenset()
    bound = longest.total_seconds()
    ill = {
        f"{STREAM}{stream}": f"nothing is known to be drained for {lag / 60:.0f} minutes"
        for stream, lag in lags.items()
        if lag >= bound
    }
    return ill, frozenset(f"{STREAM}{stream}" for stream, lag in lags.items() if lag < bound)
