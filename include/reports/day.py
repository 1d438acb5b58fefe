"""A day of the place: from midnight to midnight there, which may be 23 or 25 hours."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from include.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Day:
    """A date in a time zone (an IANA name); ``start`` is in it, ``end`` is the next one's, both in UTC.

    Raises:
        ConfigurationError: the zone is not known, or the place skipped the day.
    """

    date: date
    time_zone: str

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ConfigurationError(f"{self.date} was skipped in {self.time_zone}: choose another date")

    @property
    def start(self) -> datetime:
        """The first instant of the day."""
        return _midnight(self.date, self.time_zone)

    @property
    def end(self) -> datetime:
        """The first instant of the next day."""
        return _midnight(self.date + timedelta(days=1), self.time_zone)


def yesterday(now: datetime, time_zone: str) -> Day:
    """Return the last day that is over at ``now``.

    Raises:
        ConfigurationError: the zone is not known.
    """
    return Day(now.astimezone(_zone(time_zone)).date() - timedelta(days=1), time_zone)


def _midnight(of: date, time_zone: str) -> datetime:
    return datetime.combine(of, time.min, _zone(time_zone)).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(f"time_zone={name!r} is not known here: give an IANA name such as UTC") from error
