"""The alert settings that the environment holds."""

from datetime import timedelta

import pytest

from include.alerts.environment import alert_settings
from include.alerts.filtering import FilterRules
from include.alerts.rates import RateRules
from include.alerts.settings import AlertSettings
from include.errors import ConfigurationError


def test_an_empty_environment_is_the_defaults() -> None:
    """Nobody has to set anything."""
    assert alert_settings({}) == AlertSettings()


def test_every_variable_reaches_its_setting() -> None:
    """Channels as text, lists by commas, spans in seconds."""
    settings = alert_settings(
        {
            "CALI_ALERT_CHANNEL": "ours",
            "CALI_QUALITY_CHANNEL": "theirs",
            "CALI_ALERT_LEVELS": "ERROR, FATAL",
            "CALI_ALERT_KEYWORDS": "card declined , /OOM|out of memory/",
            "CALI_ALERT_HELD_BACK": "health check,",
            "CALI_ALERT_UPDATE_INTERVAL_S": "2.5",
            "CALI_ALERT_REPEAT_INTERVAL_S": "600",
            "CALI_ALERT_QUIET_AFTER_S": "60",
            "CALI_ALERT_ESCALATE_PER_MINUTE": "100",
            "CALI_ALERT_ESCALATE_FACTOR": "3",
        }
    )
    assert settings == AlertSettings(
        alert_channel="ours",
        quality_channel="theirs",
        rules=FilterRules(
            levels=("ERROR", "FATAL"), keywords=("card declined", "/OOM|out of memory/"), held_back=("health check",)
        ),
        update_interval=timedelta(seconds=2.5),
        repeat_interval=timedelta(minutes=10),
        quiet_after=timedelta(seconds=60),
        rates=RateRules(bound=100, factor=3),
    )


def test_an_empty_variable_is_an_unset_one() -> None:
    """An empty list of levels does not silence every alert."""
    assert alert_settings({"CALI_ALERT_LEVELS": "", "CALI_ALERT_CHANNEL": ""}) == AlertSettings()


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("/x{1,3}/", ("/x{1,3}/",)),
        ("a, /b{2,}|c,d/ ,e", ("a", "/b{2,}|c,d/", "e")),
        ("/a/,/b/", ("/a/", "/b/")),
        ("and/or, 1/2", ("and/or", "1/2")),
        ("/not closed, word", ("/not closed", "word")),
        (" , ,", ()),
    ],
)
def test_a_comma_within_an_expression_does_not_cut_it(text: str, keywords: tuple[str, ...]) -> None:
    """Expressions have commas of their own; halves of one would silently match nothing."""
    assert alert_settings({"CALI_ALERT_KEYWORDS": text}).rules.keywords == keywords


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CALI_ALERT_UPDATE_INTERVAL_S", "0"),
        ("CALI_ALERT_UPDATE_INTERVAL_S", "soon"),
        ("CALI_ALERT_QUIET_AFTER_S", "9"),
        ("CALI_ALERT_QUIET_AFTER_S", "inf"),
        ("CALI_ALERT_UPDATE_INTERVAL_S", "nan"),
        ("CALI_ALERT_LEVELS", " , "),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(variable: str, value: str) -> None:
    """The message leads to the line to correct."""
    with pytest.raises(ConfigurationError, match=f"^{variable}='{value}' is not allowed: "):
        alert_settings({variable: value})
