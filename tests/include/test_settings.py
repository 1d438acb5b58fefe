"""What an operator may set: each variable, which one wins, what a pace costs, and that all of it is documented."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from include.alerts.environment import _AlertVariables
from include.drain.payloads.mode import Payloads
from include.errors import ConfigurationError
from include.settings import PROFILES, Pace, PaceProfile, StreamSettings, stream_settings

ROOT = Path(__file__).parents[2]
DAY_S = 86_400
RUNS_OF_A_CYCLE = 2  # a drain run and a process run

SAMPLES = {
    "kinesis_stream": ("shop-logs", "shop-logs"),
    "bucket": ("our-bucket", "our-bucket"),
    "pace": ("economical", Pace.ECONOMICAL),
    "schedule": ("*/5 * * * *", "*/5 * * * *"),
    "poll_s": ("0.5", 0.5),
    "linger_s": ("2.5", 2.5),
    "stay_s": ("1.5", 1.5),
    "max_records": ("7", 7),
    "max_bytes": ("1024", 1024),
    "payloads": ("plain", Payloads.PLAIN),
    "redrive_attempts": ("5", 5),
    "idle_s": ("30", 30.0),
    "deadline_s": ("90", 90.0),
    "lanes": ("4", 4),
}


def test_every_setting_has_a_sample_here() -> None:
    """A new setting is tested by the tests below, or this one fails."""
    assert set(SAMPLES) == set(StreamSettings.model_fields)


@pytest.mark.parametrize("field", SAMPLES)
@pytest.mark.parametrize("variable", ["CALI_{}", "CALI_LOGS_{}"])
def test_each_setting_is_set_by_its_variables(variable: str, field: str) -> None:
    """The variable for all streams and the one for this stream both set it."""
    text, value = SAMPLES[field]
    settings = stream_settings("logs", {variable.format(field.upper()): text})
    assert getattr(settings, field) == value


@pytest.mark.parametrize("field", SAMPLES)
def test_the_streams_own_variable_wins(field: str) -> None:
    """What is said of one stream holds over what is said of all, whatever that is."""
    text, value = SAMPLES[field]
    everyone = {f"CALI_{field}".upper(): "?", f"CALI_LOGS_{field}".upper(): text}
    assert getattr(stream_settings("logs", everyone), field) == value


def test_another_streams_variable_changes_nothing() -> None:
    """`CALI_TRANSACTIONS_PACE` is none of the logs' business."""
    assert stream_settings("logs", {"CALI_TRANSACTIONS_PACE": "economical"}) == stream_settings("logs", {})


def test_an_empty_variable_is_an_unset_one() -> None:
    """Compose files and CI pass on variables that are empty."""
    assert stream_settings("logs", {"CALI_LOGS_POLL_S": "", "CALI_PACE": ""}) == stream_settings("logs", {})


def test_a_stream_is_called_the_same_in_kinesis_unless_told_otherwise() -> None:
    """Without a variable the Kinesis stream has the stream's name."""
    assert stream_settings("orders", {}).kinesis_stream == "orders"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CALI_LOGS_KINESIS_STREAM", "not a name"),
        ("CALI_BUCKET", "ab"),
        ("CALI_LOGS_BUCKET", "x" * 64),
        ("CALI_PACE", "hectic"),
        ("CALI_LOGS_PACE", "hectic"),
        ("CALI_SCHEDULE", "now and then"),
        ("CALI_LOGS_SCHEDULE", "* * * *"),
        ("CALI_LANES", "0"),
        ("CALI_LOGS_LANES", "65"),
        ("CALI_LOGS_LANES", "two"),
        ("CALI_POLL_S", "0.1"),
        ("CALI_POLL_S", "61"),
        ("CALI_POLL_S", "nan"),
        ("CALI_LINGER_S", "-1"),
        ("CALI_LOGS_LINGER_S", "901"),
        ("CALI_STAY_S", "-1"),
        ("CALI_LOGS_STAY_S", "301"),
        ("CALI_MAX_RECORDS", "0"),
        ("CALI_MAX_RECORDS", "1.5"),
        ("CALI_MAX_RECORDS", "1000001"),
        ("CALI_MAX_BYTES", "many"),
        ("CALI_IDLE_S", "0"),
        ("CALI_LOGS_IDLE_S", "inf"),
    ],
)
def test_a_wrong_value_is_named_with_the_variable_that_holds_it(variable: str, value: str) -> None:
    """The message leads to the line to correct."""
    with pytest.raises(ConfigurationError, match=rf"^{variable}='{re.escape(value)}' is not allowed: "):
        stream_settings("logs", {variable: value})


@pytest.mark.parametrize("schedule", ["@continuous", "*/5 * * * *", "0 6-18/2 * * MON-FRI", "@hourly"])
def test_a_schedule_is_continuous_or_cron(schedule: str) -> None:
    """What Airflow takes for a drain is taken."""
    assert stream_settings("logs", {"CALI_SCHEDULE": schedule}).profile().schedule == schedule


@pytest.mark.parametrize(
    ("pace", "profile"),
    [
        ("low_latency", PaceProfile("@continuous", 0.25, timedelta(0), timedelta(seconds=1))),
        ("balanced", PaceProfile("@continuous", 1.0, timedelta(seconds=9))),
        ("economical", PaceProfile("* * * * *", 5.0, timedelta(0))),
    ],
)
def test_a_pace_decides_schedule_poll_linger_and_stay(pace: str, profile: PaceProfile) -> None:
    """The four settings behind the pace take their defaults from it."""
    assert stream_settings("logs", {"CALI_PACE": pace}).profile() == profile


def test_a_setting_holds_over_its_pace() -> None:
    """Even where it is 0, which is not the same as unset."""
    settings = stream_settings("logs", {"CALI_PACE": "balanced", "CALI_LINGER_S": "0", "CALI_SCHEDULE": "@hourly"})
    assert settings.profile() == PaceProfile("@hourly", 1.0, timedelta(0))
    assert stream_settings("logs", {"CALI_PACE": "low_latency", "CALI_STAY_S": "0"}).profile().stay == timedelta(0)


def test_a_busy_stream_at_the_default_pace_stays_under_20000_runs_a_day() -> None:
    """A cycle lasts at least the linger, and is one run of each DAG."""
    linger = stream_settings("logs", {}).profile().linger
    assert DAY_S / linger.total_seconds() * RUNS_OF_A_CYCLE < 20_000


def test_the_economical_pace_makes_a_cycle_a_minute() -> None:
    """2,880 runs a day, as documented."""
    assert PROFILES[Pace.ECONOMICAL].schedule == "* * * * *"
    assert DAY_S / 60 * RUNS_OF_A_CYCLE == 2_880


def test_no_pace_looks_more_often_than_kinesis_allows() -> None:
    """Five reads a second and shard are shared by the doorbell and the drain."""
    assert [profile.poll_s > 0.2 for profile in PROFILES.values()] == [True] * len(Pace)


def test_a_run_may_be_told_another_bound_of_records() -> None:
    """The run's own number holds for it; without one the setting does."""
    settings = stream_settings("logs", {"CALI_MAX_RECORDS": "9", "CALI_MAX_BYTES": "10", "CALI_LINGER_S": "3"})
    bounds = [(hints.max_records, hints.max_bytes, hints.linger) for hints in (settings.hints(), settings.hints(4))]
    assert bounds == [(9, 10, timedelta(seconds=3)), (4, 10, timedelta(seconds=3))]


def documented() -> set[str]:
    """Return the settings and variables in the first column of the guide's tables, and those its text names."""
    guide = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([A-Z_0-9]+)`", guide, re.MULTILINE)) | set(
        re.findall(r"`(CALI_[A-Z_0-9]+)[`=]", guide)
    )


def test_every_setting_of_a_stream_is_documented() -> None:
    """The guide's first table and the code name the same settings."""
    names = {name for name in documented() if not name.startswith("CALI_")}
    assert names == {field.upper() for field in StreamSettings.model_fields}


def test_every_alert_setting_is_documented() -> None:
    """The guide's alert table and the code name the same variables."""
    in_code = {f"CALI_{field}".upper() for field in _AlertVariables.model_fields}
    assert {name for name in documented() if name.startswith(("CALI_ALERT", "CALI_QUALITY"))} == in_code


def test_every_variable_that_the_code_names_is_documented() -> None:
    """Nothing of CALI's side in Airflow reads a `CALI_` variable that neither the guides nor the README name."""
    files = [path for folder in ("include", "plugins", "dags") for path in (ROOT / folder).rglob("*.py")]
    read = {name for path in files for name in re.findall(r"\"(CALI_[A-Z_]+)\"", path.read_text(encoding="utf-8"))}
    guides = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert {name for name in read if f"`{name}" not in guides} == set()


def test_the_documented_defaults_are_the_codes() -> None:
    """A default in the guide's first table is what an empty environment gives."""
    guide = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", guide, re.MULTILINE))
    settings = stream_settings("logs", {})
    told = {name: rows[name].strip("`") for name in ("PACE", "MAX_RECORDS", "MAX_BYTES", "IDLE_S", "BUCKET")}
    assert told == {name: str(getattr(settings, name.lower())) for name in told}
