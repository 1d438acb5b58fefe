"""Which windows a definition has: without gap or overlap, by the clock on the wall."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.sla.contract import DefinitionVersion, SlaType, Window
from include.sla.windows import switched_off, windows

BEGIN = datetime(2026, 3, 28, 12, 3, tzinfo=UTC)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Seoul",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
]
HOUR = timedelta(hours=1)


def version(sla_type: SlaType, minutes: int, zone: str = "UTC", since: datetime = BEGIN) -> DefinitionVersion:
    """Return a definition's only version."""
    return DefinitionVersion(1, 1, "pipeline", sla_type, minutes, since, time_zone=zone)


def chain(*changes: DefinitionVersion) -> list[DefinitionVersion]:
    """Return versions numbered, each valid until the next one is."""
    ends = [*(later.valid_from for later in changes[1:]), changes[-1].valid_to]
    return [
        replace(one, version=number, valid_to=end)
        for number, (one, end) in enumerate(zip(changes, ends, strict=True), 1)
    ]


def spans(versions: list[DefinitionVersion], count: int) -> list[tuple[str, str, str]]:
    """Return start, end and deadline of the first windows, in UTC."""
    found = islice(windows(versions), count)
    return [(f"{one.start:%d %H:%M}", f"{one.end:%d %H:%M}", f"{one.due:%d %H:%M}") for one in found]


def test_realtime_windows_are_cut_alike_for_everybody() -> None:
    """The first begins with the next full minutes, and each is due at its end."""
    assert spans([version(SlaType.REALTIME, 5)], 2) == [
        ("28 12:05", "28 12:10", "28 12:10"),
        ("28 12:10", "28 12:15", "28 12:15"),
    ]


def test_hours_are_those_of_the_place() -> None:
    """In India they begin half an hour beside UTC's."""
    assert spans([version(SlaType.HOURLY, 5, "Asia/Kolkata")], 2) == [
        ("28 12:30", "28 13:30", "28 13:35"),
        ("28 13:30", "28 14:30", "28 14:35"),
    ]


def test_a_day_that_loses_an_hour_is_due_by_the_clock_on_the_wall() -> None:
    """In Berlin the 29th has 23 hours, and nine o'clock comes an hour earlier by UTC."""
    assert spans([version(SlaType.DAILY, 540, "Europe/Berlin")], 2) == [
        ("28 23:00", "29 22:00", "30 07:00"),
        ("29 22:00", "30 22:00", "31 07:00"),
    ]
    day_before = version(SlaType.DAILY, 540, "Europe/Berlin", BEGIN - timedelta(days=1))
    assert spans([day_before], 1) == [("27 23:00", "28 23:00", "29 07:00")]


def test_a_change_holds_from_the_next_window_on() -> None:
    """The window that it falls into keeps its own terms, and the next one begins where that ends."""
    first = version(SlaType.REALTIME, 5)
    second = replace(first, deadline_minutes=6, valid_from=BEGIN + timedelta(minutes=4))
    assert spans(chain(first, second), 3) == [
        ("28 12:05", "28 12:10", "28 12:10"),
        ("28 12:10", "28 12:18", "28 12:18"),
        ("28 12:18", "28 12:24", "28 12:24"),
    ]


def test_what_is_switched_off_has_no_windows() -> None:
    """They begin again with the next full hour, and the one that was cut short is known."""
    first = version(SlaType.HOURLY, 5)
    off = replace(first, enabled=False, valid_from=BEGIN + HOUR)
    again = replace(first, valid_from=BEGIN + 3 * HOUR)
    versions = chain(first, off, again)
    assert spans(versions, 2) == [("28 13:00", "28 14:00", "28 14:05"), ("28 16:00", "28 17:00", "28 17:05")]
    assert [switched_off(versions, one) for one in islice(windows(versions), 2)] == [True, False]


def test_a_deleted_definition_has_no_further_windows() -> None:
    """Its last one is known to be cut short."""
    versions = [replace(version(SlaType.HOURLY, 5), valid_to=BEGIN + HOUR)]
    assert spans(versions, 2) == [("28 13:00", "28 14:00", "28 14:05")]
    assert [switched_off(versions, one) for one in windows(versions)] == [True]


def test_an_unknown_time_zone_is_named() -> None:
    """It is the one thing of a definition that can be wrong here."""
    with pytest.raises(ConfigurationError, match="'Europe/Atlantis' of definition 1"):
        next(windows([version(SlaType.DAILY, 5, "Europe/Atlantis")]))


def test_a_day_that_a_place_skipped_is_no_window() -> None:
    """Samoa had no 30 December 2011."""
    begin = datetime(2011, 12, 29, 9, tzinfo=UTC)
    versions = [version(SlaType.DAILY, 60, "Pacific/Apia", begin)]
    assert spans(versions, 3) == [
        ("29 10:00", "30 10:00", "30 11:00"),
        ("30 10:00", "31 10:00", "31 11:00"),
        ("31 10:00", "01 10:00", "01 11:00"),
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[DefinitionVersion]:
    """Return a definition with up to five versions, of any type and zone, some switched off."""
    at = draw(st.datetimes(datetime(2024, 2, 25), datetime(2026, 12, 31)))  # noqa: DTZ001 - made aware below
    at = at.replace(tzinfo=UTC)
    made = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(SlaType))
        minutes = draw(st.integers(1, 1500))
        one = version(kind, minutes, draw(st.sampled_from(ZONES)), at)
        made.append(replace(one, enabled=draw(st.sampled_from([True, True, False]))))
        at += timedelta(seconds=draw(st.integers(0, 200_000)))
    return chain(*made)


def until(versions: list[DefinitionVersion], judged_until: datetime | None, end: datetime) -> list[Window]:
    """Return the windows that begin before an instant."""
    return list(takewhile(lambda one: one.start < end, windows(versions, judged_until)))


@settings(deadline=None)
@given(histories())
def test_windows_partition_time(versions: list[DefinitionVersion]) -> None:
    """None overlap, and between two lies nothing unless the definition was off there or begins anew."""
    found = until(versions, None, versions[-1].valid_from + timedelta(days=3))
    assert all(one.start < one.end <= one.due <= one.limit for one in found)
    for before, after in pairwise(found):
        assert before.end <= after.start
        if before.end < after.start:
            assert any(
                not one.enabled and one.valid_to and before.start < one.valid_to <= after.start for one in versions
            )


@settings(deadline=None)
@given(histories(), st.integers(0, 200))
def test_windows_go_on_from_any_of_them(versions: list[DefinitionVersion], place: int) -> None:
    """Whoever knows the last window's end finds the same next ones."""
    end = versions[-1].valid_from + timedelta(days=2)
    found = until(versions, None, end)
    place = min(place, len(found))
    if place:
        assert found[place:] == until(versions, found[place - 1].end, end)
