"""The preflight: silent when all is there, one sentence for each thing that is not, and never a secret."""

import json

import pytest

from cali import preflight

SECRET = "hunter-two-and-more"
CONNECTIONS = {
    "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws", "login": "key", "password": SECRET}),
    "AIRFLOW_CONN_CALI_POSTGRES": f"postgres://cali:{SECRET}@127.0.0.1:9/cali",
    "AIRFLOW_CONN_SLACK_DEFAULT": json.dumps({"conn_type": "slack", "password": SECRET}),
}


@pytest.fixture(autouse=True)
def _complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Define all that has to be there."""
    for variable, value in CONNECTIONS.items():
        monkeypatch.setenv(variable, value)


def test_nothing_is_said_when_all_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 0 and writes no line."""
    assert preflight.main([]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("variable", CONNECTIONS)
def test_a_missing_connection_is_named_with_its_remedy(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with 1 and says which Connection, and the variable to set."""
    monkeypatch.delenv(variable)
    assert preflight.main([]) == 1
    said = capsys.readouterr().err
    assert f"Connection {variable.removeprefix('AIRFLOW_CONN_').lower()!r} is not defined" in said
    assert f"set {variable}=" in said
    assert SECRET not in said


def test_all_that_is_missing_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has to start again for each sentence."""
    for variable in CONNECTIONS:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("CALI_STREAMS", "logs no-such-stream")
    monkeypatch.setenv("CALI_ALERT_UPDATE_INTERVAL_S", "never")
    assert preflight.main([]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 5


@pytest.mark.parametrize(("running", "said"), [("logs", ""), ("logs transactions", "CALI_CARD_KEY is not set")])
def test_a_setting_of_one_stream_is_asked_for_where_that_stream_runs(
    running: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who carries logs alone has no cards."""
    monkeypatch.delenv("CALI_CARD_KEY", raising=False)
    monkeypatch.setenv("CALI_STREAMS", running)
    assert preflight.main([]) == bool(said)
    assert said in capsys.readouterr().err


def test_a_retention_that_takes_away_what_is_still_needed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before housekeeping has to refuse it at night."""
    monkeypatch.setenv("CALI_CARD_KEY", "k" * 32)
    monkeypatch.setenv("CALI_STREAMS", "transactions")
    monkeypatch.setenv("CALI_RETENTION_TABLES_DAYS", "5")
    assert preflight.main([]) == 1
    assert "22 days of it are still looked at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("CALI_STREAMS", "no-such-stream", "There is no stream 'no-such-stream'"),
        ("CALI_LOGS_PACE", "hectic", "CALI_LOGS_PACE='hectic' is not allowed"),
        ("CALI_POLL_S", "0.1", "CALI_POLL_S='0.1' is not allowed"),
        ("CALI_ALERT_KEYWORDS", "/[/", "An alert keyword is not a regular expression"),
        ("CALI_ALERT_HELD_BACK", "/(/", "An alert keyword is not a regular expression"),
        ("CALI_ALERT_QUIET_AFTER_S", "1", "CALI_ALERT_QUIET_AFTER_S='1' is not allowed"),
    ],
)
def test_a_wrong_setting_is_named(
    variable: str, value: str, named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with 1 and names the variable and its value."""
    monkeypatch.setenv(variable, value)
    assert preflight.main([]) == 1
    assert named in capsys.readouterr().err
