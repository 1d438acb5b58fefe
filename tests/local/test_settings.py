"""Which ports, secrets and embedded servers a start decides on."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ConfigurationError
from local.programs import servers, worker_names
from local.settings import Secrets, Settings, decide, generate_secrets, load, save

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = Secrets("pg", "cali-pw", "airflow-pw", "admin-pw", "jwt", "api", "fernet", "key", "aws-secret", "xoxb-token")
PREFERRED = {"airflow": 8080, "slack": 4003, "postgres": 15432, "kinesis": 4567, "s3": 9090}
CELERY = {"EXECUTOR": "celery"}


def _decide(environment: dict[str, str], taken: tuple[int, ...] = (), saved: Settings | None = None) -> Settings:
    spare = iter(range(50000, 50010))
    return decide(environment, saved, lambda port: port not in taken, lambda: next(spare), lambda: SECRETS)


def _ports(settings: Settings) -> dict[str, int]:
    return {name: getattr(settings.ports, name) for name in PREFERRED}


def test_free_preferred_ports_are_used() -> None:
    """A first start on an idle machine is where the guide says it is."""
    settings = _decide({})
    assert (_ports(settings), settings.notes) == (PREFERRED, ())


def test_a_taken_preferred_port_is_replaced_and_said() -> None:
    """Somebody else's Airflow on 8080 does not stop the stack."""
    settings = _decide({}, taken=(8080,))
    assert settings.ports.airflow == 50000
    assert settings.notes == ("Port 8080 is taken: airflow is at 50000 (AIRFLOW_PORT sets another)",)


def test_a_port_that_the_user_set_is_used() -> None:
    """A variable wins over the preferred port and over what an earlier start saved."""
    settings = _decide({"SLACK_PORT": "5003"}, saved=_decide({}))
    assert settings.ports.slack == 5003


@pytest.mark.parametrize("name", PREFERRED)
def test_a_taken_port_that_the_user_set_stops_with_its_name(name: str) -> None:
    """What was asked for is not silently changed."""
    variable = f"{name.upper()}_PORT"
    with pytest.raises(ConfigurationError, match=rf"Port 7777 \({variable}\) is taken"):
        _decide({variable: "7777"}, taken=(7777,))


def test_two_listeners_are_not_given_one_port() -> None:
    """A port that two variables name is taken for the second."""
    with pytest.raises(ConfigurationError, match=r"Port 7777 \(SLACK_PORT\) is taken"):
        _decide({"AIRFLOW_PORT": "7777", "SLACK_PORT": "7777"})


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80.5"])
def test_what_is_no_port_is_refused_by_name(text: str) -> None:
    """A slip in a variable is told with the variable's name."""
    with pytest.raises(ConfigurationError, match=f"S3_PORT={text} is no port"):
        _decide({"S3_PORT": text})


def test_saved_ports_and_secrets_are_kept() -> None:
    """The second start finds the data of the first one under the same address and password."""
    first = _decide({}, taken=(8080, 9090))
    second = _decide({}, taken=(8080,), saved=first)
    assert (second.ports, second.secrets, second.notes) == (first.ports, first.secrets, ())


def test_a_saved_port_that_is_taken_now_is_replaced_and_said() -> None:
    """A foreign process that came meanwhile does not stop the stack."""
    settings = _decide({}, taken=(15432,), saved=_decide({}))
    assert settings.ports.postgres == 50000
    assert settings.notes == ("Port 15432 is taken: postgres is at 50000 (POSTGRES_PORT sets another)",)


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"AWS_ENDPOINT_URL_KINESIS": "http://k", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "kinesis"),
        ({"AWS_ENDPOINT_URL_S3": "http://s", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "s3"),
        ({"AIRFLOW_CONN_SLACK_DEFAULT": "{}"}, "slack"),
        ({"CALI_POSTGRES_URI": "postgresql://c", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://a"}, "postgres"),
    ],
)
def test_a_server_that_the_user_names_is_not_embedded(environment: dict[str, str], missing: str) -> None:
    """Each of the four can be replaced by an address, alone."""
    names = {server.name for server in servers(_decide(environment))}
    assert names == {"postgres", "kinesis", "s3", "slack"} - {missing}


def test_one_database_of_ones_own_keeps_the_embedded_postgres_for_the_other() -> None:
    """Airflow's metadata still needs a home."""
    settings = _decide({"CALI_POSTGRES_URI": "postgresql://mine"})
    assert settings.embeds_postgres


def test_the_port_of_a_replaced_server_may_be_taken() -> None:
    """Nobody listens there, so nothing is said."""
    environment = {"AIRFLOW_CONN_SLACK_DEFAULT": "{}"}
    assert _decide(environment, taken=(4003,)).notes == ()


def test_one_foreign_aws_server_needs_keys_for_both() -> None:
    """The embedded one accepts the keys of the other, so they have to be there."""
    with pytest.raises(ConfigurationError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        _decide({"AWS_ENDPOINT_URL_S3": "https://s3.example"})


@pytest.mark.parametrize(
    ("engine", "kind"), [("", "KinesisLocal"), ("kinesis-local", "KinesisLocal"), ("kinesalite", "Kinesalite")]
)
def test_the_kinesis_emulator_can_be_chosen(engine: str, kind: str) -> None:
    """kinesis-local unless KINESIS says otherwise."""
    kinesis = next(server for server in servers(_decide({"KINESIS": engine})) if server.name == "kinesis")
    assert type(kinesis).__name__ == kind


def test_an_unknown_kinesis_emulator_is_refused() -> None:
    """The message lists what may be chosen."""
    with pytest.raises(ConfigurationError, match="kinesis-local, kinesalite"):
        _decide({"KINESIS": "localstack"})


@pytest.mark.parametrize("text", ["logs,transactions", "logs transactions", "logs, transactions"])
def test_streams_are_split_at_commas_and_spaces(text: str) -> None:
    """Both ways of writing a list are understood."""
    assert _decide({"CALI_STREAMS": text}).streams == ("logs", "transactions")


def test_saved_settings_come_back_whole(tmp_path: Path) -> None:
    """What one start saved is what the next one loads."""
    settings = _decide({"CALI_RUN_DIR": str(tmp_path), "AIRFLOW_CONN_SLACK_DEFAULT": "{}", "PACE": "low_latency"})
    save(settings)
    assert load(tmp_path) == settings


def test_saved_settings_are_their_owners_alone(tmp_path: Path) -> None:
    """The file holds passwords."""
    save(_decide({"CALI_RUN_DIR": str(tmp_path)}))
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600


def test_a_moved_run_folder_is_taken_where_it_is(tmp_path: Path) -> None:
    """The saved file does not remember a path."""
    save(_decide({"CALI_RUN_DIR": str(tmp_path / "before")}))
    (tmp_path / "before").rename(tmp_path / "after")
    loaded = load(tmp_path / "after")
    assert loaded is not None
    assert loaded.run_dir == tmp_path / "after"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"ports": {"airflow": 1}}'])
def test_a_broken_settings_file_says_what_to_do(content: str, tmp_path: Path) -> None:
    """Neither half a file nor another version's is guessed at."""
    (tmp_path / "stack.json").write_text(content)
    with pytest.raises(ConfigurationError, match="make clean"):
        load(tmp_path)


def test_no_secret_is_in_the_repr() -> None:
    """A traceback or a log line with the settings lets nobody in."""
    shown = repr(_decide({"CALI_POSTGRES_URI": "postgresql://me:hidden@h/d"}))
    assert [secret for secret in (*_values(SECRETS), "hidden") if f"'{secret}'" in shown] == []


def test_generated_secrets_differ_from_each_other() -> None:
    """No password opens two doors."""
    values = _values(generate_secrets())
    assert len(set(values)) == len(values)


def _values(secrets: Secrets) -> list[Any]:
    return list(vars(secrets).values())


def test_a_stream_stays_with_the_emulator_that_holds_it() -> None:
    """A later start without the variable goes on with the same emulator; another one is refused with what to do."""
    first = _decide({"KINESIS": "kinesalite"})
    assert _decide({}, saved=first).kinesis_engine == "kinesalite"
    with pytest.raises(ConfigurationError, match=r"kinesis-local has none of the records .*make clean"):
        _decide({"KINESIS": "kinesis-local"}, saved=first)


def test_a_broker_is_embedded_only_for_celery() -> None:
    """LocalExecutor needs none, so its port is nobody's business."""
    chosen = {executor: _decide({"EXECUTOR": executor}, taken=(16379,)) for executor in ("", "local", "celery")}
    assert {executor: "broker" in _names(settings) for executor, settings in chosen.items()} == {
        "": False,
        "local": False,
        "celery": True,
    }
    assert [settings.notes for settings in chosen.values()] == [
        (),
        (),
        ("Port 16379 is taken: broker is at 50000 (BROKER_PORT sets another)",),
    ]


def _names(settings: Settings) -> set[str]:
    return {server.name for server in servers(settings)}


@pytest.mark.parametrize(("text", "workers"), [("", 2), ("1", 1), ("16", 16)])
def test_the_number_of_workers_can_be_set(text: str, workers: int) -> None:
    """Each has a name of its own; LocalExecutor has no such programs."""
    expected = tuple(f"worker-{number + 1}" for number in range(workers))
    assert worker_names(_decide(CELERY | {"WORKERS": text})) == expected
    assert worker_names(_decide({"WORKERS": text})) == ()


@pytest.mark.parametrize("text", ["0", "17", "-1", "two", "1.5"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(text: str) -> None:
    """The message names the variable and its bounds."""
    with pytest.raises(ConfigurationError, match=f"WORKERS={text} is not allowed: set a number from 1 to 16"):
        _decide(CELERY | {"WORKERS": text})


def test_an_unknown_executor_is_refused() -> None:
    """The message lists what may be chosen."""
    with pytest.raises(ConfigurationError, match=r"EXECUTOR=kubernetes is unknown: .* local, celery"):
        _decide({"EXECUTOR": "kubernetes"})


def test_a_stack_from_before_there_was_a_broker_goes_on(tmp_path: Path) -> None:
    """Its data stay; the broker gets the preferred port and a password of its own."""
    before = _decide({"CALI_RUN_DIR": str(tmp_path)})
    save(before)
    content = json.loads((tmp_path / "stack.json").read_text())
    del content["ports"]["broker"], content["secrets"]["broker_password"], content["executor"], content["workers"]
    (tmp_path / "stack.json").write_text(json.dumps(content))
    loaded = load(tmp_path)
    assert loaded is not None
    assert (loaded.ports, loaded.executor) == (before.ports, "local")
    assert len(loaded.secrets.broker_password) == len(before.secrets.broker_password) > 0
