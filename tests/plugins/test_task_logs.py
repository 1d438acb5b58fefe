"""What Airflow writes of a task: without secrets, whoever raised or logged them, and kept where it was to be kept."""

from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from airflow.sdk import log as airflow_log
from airflow.sdk._shared.secrets_masker.secrets_masker import reset_secrets_masker

from cali.task_logs import RedactedLog
from tests.planted import Planter
from tests.planted_events import found

CONFIG = "cali.task_logs.LOGGING_CONFIG"


@pytest.fixture
def task_log(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a log as Airflow's supervisor opens one for a task, and what is written to it."""
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS", CONFIG)
    monkeypatch.setattr(airflow_log._ActiveLoggingConfig, "logging_config_loaded", False)
    airflow_log.logging_processors.cache_clear()
    reset_secrets_masker()  # what other tests' Connections hold
    written = BytesIO()
    processors = airflow_log.logging_processors(json_output=True)
    yield structlog.wrap_logger(structlog.BytesLogger(written), processors=processors), written
    reset_secrets_masker()
    airflow_log.logging_processors.cache_clear()


def fail(text: str) -> NoReturn:
    """Raise an error that quotes the text, and so does its cause."""
    nothing: dict[str, str] = {}
    try:
        nothing[text]
    except KeyError as cause:
        raise ValueError(text) from cause


@pytest.mark.parametrize("masked", [(), ("password",), ("secret", "token")])
def test_no_line_of_a_task_has_a_secret(task_log: Any, masked: tuple[str, ...]) -> None:
    """Not the words, not a field, not what a subprocess says of an error, not the trace of one with its cause.

    Nor where some Connection's password is a word that names others: Airflow's own masking takes that away before.
    """
    logger, written = task_log
    for word in masked:
        airflow_log.mask_secret(word)
    planted = Planter(3).plant(200)
    for each in planted:
        logger.info(each.text, batch=each.text, error_detail=[{"exc_value": each.text, "frames": []}])
        try:
            fail(each.text)
        except ValueError:
            logger.exception("Task failed with exception")
    text = written.getvalue().decode()
    assert (
        text.count("Task failed with exception") == text.count("ValueError") == text.count("KeyError") == len(planted)
    )
    assert found([secret for each in planted for secret in each.secrets], text) == []


def test_what_is_no_secret_stays(task_log: Any) -> None:
    """Names, numbers and the place in the code are those of the line."""
    logger, written = task_log
    logger.info("batch given back batch=logs-0001 stage=alert", records=3, name="drain", at=[1, 2.5, None])
    line = written.getvalue().decode()
    expected = (
        '"event":"batch given back batch=logs-0001 stage=alert"',
        '"records":3',
        '"name":"drain"',
        "[1,2.5,null]",
    )
    assert [part for part in expected if part not in line] == []


class Elsewhere:
    """Keeps logs, and says what it was asked."""

    processors = (len,)

    def __init__(self) -> None:
        self.kept: list[object] = []

    def upload(self, path: object, ti: object = None) -> None:
        """Keep the path."""
        self.kept.append((path, ti))

    def read(self, path: str, ti: object) -> tuple[list[str], list[str]]:
        """Return the path."""
        return [path], [str(ti)]


def test_a_log_is_kept_where_airflow_is_told_to_keep_it() -> None:
    """Redacted first; without such a place nothing is kept and nothing read."""
    elsewhere, ti = Elsewhere(), object()
    log = RedactedLog(elsewhere)  # type: ignore[arg-type]
    log.upload(Path("a.log"), ti)  # type: ignore[arg-type]
    assert (elsewhere.kept, log.read("a.log", ti)) == ([(Path("a.log"), ti)], (["a.log"], [str(ti)]))  # type: ignore[arg-type]
    assert [each.__name__ for each in log.processors] == ["hide", "len"]  # type: ignore[attr-defined]
    nowhere = RedactedLog(None)
    nowhere.upload(Path("a.log"))
    assert (nowhere.read("a.log", ti), len(nowhere.processors)) == (([], None), 1)  # type: ignore[arg-type]
