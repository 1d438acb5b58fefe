"""What is kept how long: defaults, for ever, and a wrong value by its name."""

from datetime import timedelta

import pytest

from include.errors import ConfigurationError
from include.housekeeping.rooms import PurgedRoom
from include.housekeeping.settings import Retention, retention


def test_every_room_has_a_setting() -> None:
    """A room without one could not be kept for ever."""
    assert {f"{room}_days" for room in PurgedRoom} <= set(Retention.model_fields)


def test_the_defaults_keep_what_cannot_be_made_again_longest() -> None:
    """Compacted data for ever, dead letters longer than raw data, raw data longer than what is made of it."""
    kept = retention({})
    assert kept.of(PurgedRoom.COMPACTED) is None
    assert kept.dlq_days > kept.raw_days > kept.staged_days
    assert kept.ledger_days >= kept.dlq_days


@pytest.mark.parametrize("value", ["0", "", " ", "0.0"])
def test_nothing_means_for_ever(value: str) -> None:
    """Zero and an empty value keep everything."""
    assert retention({"CALI_RETENTION_RAW_DAYS": value}).of(PurgedRoom.RAW) is None


def test_a_part_of_a_day_is_a_span() -> None:
    """Half a day is twelve hours."""
    assert retention({"CALI_RETENTION_CLEAN_DAYS": "0.5"}).of(PurgedRoom.CLEAN) == timedelta(hours=12)


@pytest.mark.parametrize("value", ["-1", "many", "nan", "1e9"])
def test_a_wrong_value_is_named(value: str) -> None:
    """The message says which variable it is."""
    with pytest.raises(ConfigurationError, match=f"CALI_RETENTION_DLQ_DAYS='{value}'"):
        retention({"CALI_RETENTION_DLQ_DAYS": value})
