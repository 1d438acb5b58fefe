"""docker-compose.yaml keeps to the house's rules, and to the names that the code reads."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from cali.connections import AWS, METADATA, POSTGRES, SLACK
from include.alerts.environment import alert_settings
from include.settings import StreamSettings, stream_settings
from include.simulator.options import parse
from include.watcher.settings import SLACK as SLACK_VARIABLE
from include.watcher.settings import WatcherSettings, watcher_settings
from local.environment import process_environment
from local.settings import Secrets, decide

ROOT = Path(__file__).resolve().parents[2]

VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<text>[^}]*))?\}")
SECRET_NAME = re.compile(r"PASSWORD$|SECRET|_KEY$|ACCESS_KEY_ID$|TOKEN|AUTH_KEY|_CONN_|SQL_ALCHEMY_CONN|POSTGRES_URI")

# What the stack without containers sets and a container does not need: its own folders, ports, proxies and processes.
WITHOUT_CONTAINERS = {
    "AIRFLOW_HOME", "AIRFLOW__API__HOST", "AIRFLOW__API__PORT", "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PLUGINS_FOLDER", "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL", "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "CALI_RUN_DIR", "NO_PROXY", "PYTHONUNBUFFERED", "SPT_NOENV", "no_proxy",
}  # fmt: skip


def is_one_shot(service: dict[str, Any]) -> bool:
    """Return whether a service ends by itself and is not started again."""
    return bool(service["restart"] == "no")


def filled(value: object, variables: dict[str, str]) -> str:
    """Return a value as Compose hands it on: variables in place of their names."""

    def put_in(match: re.Match[str]) -> str:
        default = match["text"] if match["kind"] == ":-" else ""
        return variables.get(match["name"]) or default

    return VARIABLE.sub(put_in, str(value)).replace("$$", "$")


def required(compose_text: str) -> set[str]:
    """Return the variables without which nothing starts."""
    return {match["name"] for match in VARIABLE.finditer(compose_text) if match["kind"] == ":?"}


@pytest.fixture
def answered(compose_text: str, example: dict[str, str]) -> dict[str, str]:
    """Return .env.example with something in each place that has to be filled."""
    return example | dict.fromkeys(required(compose_text), "f00d")


@pytest.fixture
def embedded(tmp_path: Path) -> dict[str, str]:
    """Return the environment of the stack without containers."""
    secrets = Secrets(*["f00d"] * len(Secrets.__dataclass_fields__))
    settings = decide({"CALI_RUN_DIR": str(tmp_path)}, None, lambda _: True, lambda: 1, lambda: secrets)
    return process_environment(settings, {})


def airflow_environment(services: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return what every Airflow component finds in its environment."""
    environment: dict[str, str] = services["scheduler"]["environment"]
    return environment


def test_ports_are_published_on_loopback_alone(services: dict[str, dict[str, Any]]) -> None:
    """No port can be reached from another machine."""
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not re.fullmatch(r"127\.0\.0\.1:\$\{\w+_PORT:-\d+\}:\d+", port)] == []


def test_every_service_has_a_health_check_or_is_a_one_shot(services: dict[str, dict[str, Any]]) -> None:
    """What keeps running says whether it is well; what ends by itself is waited for."""
    waited_for = {
        name
        for service in services.values()
        for name, condition in service.get("depends_on", {}).items()
        if condition["condition"] == "service_completed_successfully"
    }
    assert {name for name, service in services.items() if is_one_shot(service)} == waited_for
    assert {name for name, service in services.items() if "healthcheck" not in service} == waited_for


def test_what_keeps_running_is_bounded(services: dict[str, dict[str, Any]]) -> None:
    """Each lasting service has a memory limit and comes back after a crash; every service's log is rotated."""
    lasting = {name: service for name, service in services.items() if not is_one_shot(service)}
    assert [name for name, service in lasting.items() if "mem_limit" not in service] == []
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped", "on-failure"}
    assert [name for name, service in services.items() if "max-size" not in service["logging"]["options"]] == []


def test_dependencies_name_the_state_that_they_wait_for(services: dict[str, dict[str, Any]]) -> None:
    """A service is waited for in the way that fits it: health if it lasts, success if it ends."""
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if is_one_shot(services[name]) else "service_healthy"
            assert condition["condition"] == expected


def test_every_image_is_pinned(services: dict[str, dict[str, Any]]) -> None:
    """An image is built here or carries a version."""
    images = [service["image"] for service in services.values() if "build" not in service]
    assert [image for image in images if not re.search(r":v?\d+\.\d+(\.\d+)?(-[\w.]+)?$", image)] == []


def test_the_file_holds_no_secret(services: dict[str, dict[str, Any]]) -> None:
    """Whatever is secret comes from a variable without which nothing starts."""
    values = {
        (service, name): str(value)
        for service, content in services.items()
        for name, value in content.get("environment", {}).items()
        if SECRET_NAME.search(name)
    }
    # An empty default is no secret either.
    assert {key for key, value in values.items() if ":?" not in value and not value.endswith(":-}")} == {
        (service, name) for service, name in values if name == "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
    }
    in_addresses = re.findall(r"://\w+:([^@\s]+)@", (ROOT / "docker-compose.yaml").read_text())
    assert [password for password in in_addresses if not VARIABLE.match(password)] == []


def test_the_example_names_every_variable(compose_text: str, example: dict[str, str]) -> None:
    """`.env.example` lists what the Compose file reads, and nothing else but Compose's own setting."""
    used = {match["name"] for match in VARIABLE.finditer(compose_text)}
    assert set(example) - {"COMPOSE_PROFILES"} == used


def test_required_variables_are_left_empty_and_the_others_have_a_default(
    compose_text: str, example: dict[str, str]
) -> None:
    """Copying the example is never enough to start with a known secret."""
    matches = list(VARIABLE.finditer(compose_text))
    needed = required(compose_text)
    optional = {match["name"] for match in matches if match["kind"] == ":-" and not match["text"]}
    assert {name for name, value in example.items() if not value} == needed | optional
    assert {match["name"] for match in matches if match["kind"] != ":?"} & needed == set()
    assert [match[0] for match in matches if match["kind"] is None] == []


def test_airflow_settings_exist(services: dict[str, dict[str, Any]]) -> None:
    """Every `AIRFLOW__SECTION__OPTION` is one of Airflow's own options."""
    import airflow

    templates = Path(str(airflow.__file__)).parent / "config_templates"
    sections = yaml.safe_load((templates / "config.yml").read_text())
    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, content in sections.items()
        for option in content["options"]
    }
    ours = {name for name in airflow_environment(services) if name.startswith("AIRFLOW__")}
    assert ours - known == set()


def test_cali_settings_are_read_by_the_code(services: dict[str, dict[str, Any]]) -> None:
    """Every `CALI_…` is a stream's setting, an alert's setting, or a name that stands in the code."""
    code = [path.read_text() for room in ("include", "plugins", "local") for path in (ROOT / room).rglob("[a-z]*.py")]
    known = {name for text in code for name in re.findall(r"\"(CALI_[A-Z_]+)\"", text)}
    known |= {f"CALI_{field}".upper() for field in StreamSettings.model_fields}
    ours = {name for name in airflow_environment(services) if name.startswith("CALI_")}
    alert = {
        "CALI_ALERT_CHANNEL": "one",
        "CALI_QUALITY_CHANNEL": "two",
        "CALI_ALERT_TEAMS": '{"shop": ["cart"]}',
        "CALI_ALERT_ROUTES": '[{"channel": "three", "team": "shop"}]',
        "CALI_ALERT_FALLBACK_CHANNEL": "four",
        "CALI_ALERT_BATCH_URL": "https://five",
        "CALI_ALERT_RECORD_URL": "https://six",
    }
    read = alert_settings(alert)
    channels = (read.alert_channel, read.quality_channel, read.fallback_channel)
    assert (*channels, read.links.batch, read.links.record) == ("one", "two", "four", "https://five", "https://six")
    assert read.routing.channel("cart", "ERROR", "one") == "three"
    assert ours - known == set(alert)


def test_connections_are_those_that_the_tasks_ask_for(
    services: dict[str, dict[str, Any]], answered: dict[str, str]
) -> None:
    """There is one Connection for AWS, Postgres and Slack each, and what is JSON can be read."""
    environment = airflow_environment(services)
    names = {name for name in environment if name.startswith("AIRFLOW_CONN_")}
    assert names == {f"AIRFLOW_CONN_{connection}".upper() for connection in (AWS, METADATA, POSTGRES, SLACK)}
    assert json.loads(filled(environment["AIRFLOW_CONN_AWS_DEFAULT"], answered)) == {
        "conn_type": "aws",
        "login": "f00d",
        "password": "f00d",
        "extra": {"region_name": "eu-central-1"},
    }


def test_the_stack_without_containers_has_the_same_settings(
    services: dict[str, dict[str, Any]], embedded: dict[str, str]
) -> None:
    """Both stacks set the same variables, and those that name no place and no secret to the same value."""
    image = re.findall(r"(\w+)=", (ROOT / "Dockerfile").read_text())
    ours = airflow_environment(services)
    assert set(embedded) - WITHOUT_CONTAINERS - set(ours) - set(image) == set()
    fixed = {name: value for name, value in ours.items() if not re.search(r"\$\{|://|/opt/", value)}
    shared = {name: value for name, value in fixed.items() if name in embedded}
    assert shared == {name: embedded[name] for name in shared}


def test_defaults_of_streams_are_valid(services: dict[str, dict[str, Any]], answered: dict[str, str]) -> None:
    """The settings of the example are ones that the code accepts."""
    environment = {name: filled(value, answered) for name, value in airflow_environment(services).items()}
    assert stream_settings("logs", environment).kinesis_stream == "logs"
    assert stream_settings("logs", environment).bucket == "cali"


def test_the_simulator_understands_its_options(services: dict[str, dict[str, Any]], answered: dict[str, str]) -> None:
    """The simulator's command line is one that it accepts, and it ends by itself."""
    command = [filled(part, answered) for part in services["simulator"]["command"]]
    assert command[:3] == ["python", "-m", "include.simulator"]
    options = parse(command[3:])
    assert (options.stream, options.rate, options.duration) == ("logs", 100.0, 3600.0)


def watching(watcher: dict[str, Any], answered: dict[str, str]) -> WatcherSettings:
    """Return what the watcher makes of its environment, with a Slack Connection filled in."""
    variables = answered | {SLACK_VARIABLE: '{"conn_type": "slack", "password": "f00d"}'}
    return watcher_settings({name: filled(text, variables) for name, text in watcher["environment"].items()})


def test_the_watcher_finds_its_settings(services: dict[str, dict[str, Any]], answered: dict[str, str]) -> None:
    """It starts outside Airflow, waits for no component that it watches, and reaches Airflow and Postgres by name."""
    watcher = services["watcher"]
    settings = watching(watcher, answered)
    assert watcher["command"] == ["python", "-m", "include.watcher"]
    assert set(watcher["depends_on"]) == {"airflow-init"}
    assert (settings.airflow, settings.links) == ("http://api-server:8080", "http://127.0.0.1:8080")
    assert services["api-server"]["ports"] == ["127.0.0.1:${AIRFLOW_PORT:-8080}:8080"]
    assert settings.postgres == "postgresql://cali:f00d@postgres:5432/cali"
    assert settings.slack["password"] == "f00d"


@pytest.mark.parametrize(("missed_looks", "is_well"), [(1, True), (10, False)])
def test_the_watcher_is_well_while_it_looks(
    services: dict[str, dict[str, Any]], answered: dict[str, str], tmp_path: Path, missed_looks: int, is_well: bool
) -> None:
    """Its health check is the age of the file that it touches at each look."""
    watcher, alive = services["watcher"], tmp_path / "alive"
    settings = watching(watcher, answered)
    alive.touch()
    looked = time.time() - missed_looks * settings.every_s
    os.utime(alive, (looked, looked))
    shell, command = watcher["healthcheck"]["test"]
    assert (shell, str(settings.alive_file) in command) == ("CMD-SHELL", True)
    command = command.replace(str(settings.alive_file), str(alive)).replace("$$", "$")
    assert (subprocess.run(["sh", "-c", command], check=False, timeout=30).returncode == 0) == is_well


@pytest.mark.parametrize("profile", ["pipeline", "sla"])
def test_a_profile_starts_what_it_depends_on(profile: str, services: dict[str, dict[str, Any]]) -> None:
    """No service of a profile has to wait for one that the profile does not start."""
    started = {name for name, service in services.items() if profile in service["profiles"]}
    needed = {
        name
        for service in started
        for name, condition in services[service].get("depends_on", {}).items()
        if condition.get("required", True)
    }
    assert needed <= started


def test_profiles_are_everything_and_what_governs_service_levels(services: dict[str, dict[str, Any]]) -> None:
    """`pipeline` is all; `sla` is Airflow and its database, without emulators and simulator."""
    assert [name for name, service in services.items() if "pipeline" not in service["profiles"]] == []
    without = {name for name, service in services.items() if "sla" not in service["profiles"]}
    assert without == {"kinesis", "s3", "aws-init", "simulator"}


def test_the_admin_logs_in_with_the_password_of_the_environment(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """The API server's start writes the password, whatever characters it has, where Airflow's login reads it."""
    airflow, passwords = tmp_path / "airflow", tmp_path / "passwords.json"
    airflow.write_text("#!/bin/sh\n")
    airflow.chmod(0o755)
    environment = {
        "AIRFLOW_ADMIN_PASSWORD": 'a "quoted" $word\\',
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "PATH": f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = [part.replace("$$", "$") for part in services["api-server"]["command"]]
    subprocess.run(command, env=environment, check=True, timeout=30)
    assert json.loads(passwords.read_text()) == {"admin": 'a "quoted" $word\\'}
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert airflow_environment(services)["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin"
