"""Which windows a definition has: pure, and the same from whichever window's end the counting goes on."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from include.errors import ConfigurationError
from include.sla.contract import DefinitionVersion, SlaType, Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


def windows(versions: Sequence[DefinitionVersion], judged_until: datetime | None = None) -> Iterator[Window]:
    """Yield a definition's windows in their order, without gap or overlap as long as it is enabled.

    A window is its version's that is valid when it begins: a change made within it holds from the next one on, which
    begins where this one ends. Where a definition is new, or enabled again, the first window begins with the next full
    minutes, hour or day. Without an end of the last version, the windows have none either.

    Args:
        versions: the definition's versions in their order.
        judged_until: the end of the last window that is known; without it they begin with the first.

    Raises:
        ConfigurationError: a time zone is not known.
    """
    reached = judged_until
    for version in versions:
        if not version.enabled:
            continue
        follows = reached is not None and reached >= version.valid_from
        start = reached if reached is not None and follows else boundary(version, version.valid_from)
        while version.valid_to is None or start < version.valid_to:
            window = _window(version, start)
            yield window
            reached = start = window.end


def boundary(version: DefinitionVersion, at: datetime) -> datetime:
    """Return the first instant, ``at`` or later, at which the version cuts time.

    Realtime windows are counted from 1970 on, so that everybody cuts at the same instants; hours and days are those
    that a clock on the wall of the version's time zone shows.

    Raises:
        ConfigurationError: the time zone is not known.
    """
    if version.sla_type is SlaType.REALTIME:
        width = timedelta(minutes=version.deadline_minutes)
        return EPOCH + -(-(at - EPOCH) // width) * width
    zone = _zone(version)
    return _full_hour(at, zone) if version.sla_type is SlaType.HOURLY else _midnight(at, zone)


def switched_off(versions: Sequence[DefinitionVersion], window: Window) -> bool:
    """Return whether the definition was disabled or deleted before the window could be missed."""
    last = versions[-1]
    if last.valid_to is not None and last.valid_to < window.limit:
        return True
    return any(
        not version.enabled
        and version.valid_from < window.limit
        and (version.valid_to is None or version.valid_to > window.start)
        for version in versions
    )


def _window(version: DefinitionVersion, start: datetime) -> Window:
    realtime = version.sla_type is SlaType.REALTIME
    # Behind a change of the width a window may be wider than promised, but never narrower.
    least = timedelta(minutes=version.deadline_minutes) if realtime else INSTANT
    end = boundary(version, start + least)
    due = _due(version, end)
    return Window(
        definition_id=version.definition_id,
        version=version.version,
        pipeline_name=version.pipeline_name,
        start=start,
        end=end,
        due=due,
        limit=due + timedelta(minutes=version.grace_minutes),
        reach=start if realtime else end,
        since=start if version.sla_type is SlaType.DAILY else None,
    )


def _due(version: DefinitionVersion, end: datetime) -> datetime:
    if version.sla_type is SlaType.REALTIME:
        return end
    minutes = timedelta(minutes=version.deadline_minutes)
    if version.sla_type is SlaType.HOURLY:
        return end + minutes
    # By the clock on the wall: 540 is nine o'clock, also on a day that lost an hour in the night.
    zone = _zone(version)
    return (_at_midnight(end.astimezone(zone).date(), zone) + minutes).astimezone(UTC)


def _full_hour(at: datetime, zone: ZoneInfo) -> datetime:
    # Again, because half an hour may be skipped or repeated on the way (Lord Howe Island).
    while past := _past_the_hour(at.astimezone(zone)):
        at += HOUR - past
    return at


def _past_the_hour(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _midnight(at: datetime, zone: ZoneInfo) -> datetime:
    day = at.astimezone(zone).date()
    # Again, because a place may skip a whole day (Samoa, at the end of 2011).
    while (midnight := _at_midnight(day, zone).astimezone(UTC)) < at:
        day += DAY
    return midnight


def _at_midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _zone(version: DefinitionVersion) -> ZoneInfo:
    try:
        return ZoneInfo(version.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(
            f"time_zone={version.time_zone!r} of definition {version.definition_id} ({version.pipeline_name}) is not "
            "known here: give an IANA name such as Europe/Berlin"
        ) from error
