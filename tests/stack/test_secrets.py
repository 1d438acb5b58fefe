"""Secrets in what programs log, on a whole stack of their own: neither Slack nor any log of Airflow's has one."""

from __future__ import annotations

import io
import json
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from slack_sdk import WebClient

from include.records import utc_now
from include.simulator.journal import Journal
from include.simulator.kinesis import KinesisSink
from include.simulator.progress import Progress
from include.simulator.record import VALID, SimulatedRecord
from local import stack
from local.environment import kinesis_url, slack
from local.servers.aws import client
from tests.planted import Planted, Planter
from tests.planted_events import broken, event_id, found, in_slack, payload
from tests.stack.running_stack import PROVED, STREAM, RunningStack, stack_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.thorough, pytest.mark.timeout(3600)]

PLANTED = 500
AT_ONCE = 50
CHANNELS = [f"secrets-{digit}" for digit in range(10)]
ROUTES = [{"channel": channel, "service": f"*{digit}"} for digit, channel in enumerate(CHANNELS)]
# A message for each of the groups, and ten channels, each of which takes one message a second.
ROOM = {"CALI_ALERT_STORM_GROUPS": "1000", "CALI_ALERT_ROUTES": json.dumps(ROUTES)}


@pytest.fixture
def roomy_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Start a stack that sends a message for each group."""
    environment = stack_environment(tmp_path_factory.mktemp("secrets")) | ROOM
    yield RunningStack(environment, stack.up(lambda _: None, environment))
    stack.down(lambda _: None, environment)


def test_five_hundred_planted_secrets_are_in_no_message_and_no_log(roomy_stack: RunningStack) -> None:
    """Each was put twice, the second time where its record is refused; a task that fails quotes some more."""
    planter = Planter(7)
    planted = planter.plant(PLANTED)
    workspace = slack(roomy_stack.settings)
    readable = WebClient(workspace.token, base_url=workspace.api)
    for channel in CHANNELS:
        readable.conversations_create(name=channel)
    _put(roomy_stack, planted)
    quoted = planter.plant(len(planter.kinds))[::4]
    _fail_quoting(roomy_stack, quoted)
    roomy_stack.settle()
    roomy_stack.settle_messages()
    assert roomy_stack.verdict() == PROVED
    messages, logs = in_slack(readable), _logs(roomy_stack)
    assert [number for number in range(PLANTED) if f"service-{number}:" not in messages] == []
    assert messages.count(f"<{roomy_stack.airflow.url}/dags/logs_") >= PLANTED  # each with a link to its run
    assert logs.count("pipeline_name=") >= len(quoted)
    secrets = [secret for each in (*planted, *quoted) for secret in each.secrets]
    assert (found(secrets, messages), found(secrets, logs)) == ([], [])


def _put(running_stack: RunningStack, planted: Sequence[Planted]) -> None:
    """Put each secret in an event, and in one that is refused."""
    records = [
        record
        for number, each in enumerate(planted)
        for record in (
            SimulatedRecord(payload(number, each), str(number), VALID, True, each.kind, event_id(number)),
            SimulatedRecord(broken(each), str(number), "not_a_number", False, None, None),
        )
    ]
    progress = Progress(io.StringIO(), time.monotonic)
    address, credentials = kinesis_url(running_stack.settings), running_stack.settings.credentials
    with closing(client("kinesis", address, credentials)) as kinesis, Journal(running_stack.probes) as journal:
        sink = KinesisSink(kinesis, STREAM, journal, progress, lambda _: False, time.time)
        # Few at a time: an answer that a slow machine's emulator gives too late would leave them out of the journal.
        for begin in range(0, len(records), AT_ONCE):
            sink.put(records[begin : begin + AT_ONCE])
    assert progress.uncertain == 0


def _fail_quoting(running_stack: RunningStack, quoted: Sequence[Planted]) -> None:
    """Let a task fail once for each text, with an error that quotes it."""
    now = utc_now()
    conf = {"from": now.isoformat(), "to": (now + timedelta(hours=1)).isoformat(), "reason": "none"}
    runs = [running_stack.airflow.trigger("sla_maintenance", pipeline_name=each.text, **conf) for each in quoted]
    assert {running_stack.airflow.wait_for_run("sla_maintenance", run) for run in runs} == {"failed"}


def _logs(running_stack: RunningStack) -> str:
    """Return all that Airflow's tasks and programs have written."""
    folder = running_stack.settings.run_dir
    paths = [*(folder / "airflow" / "logs").rglob("*"), *(folder / "log").rglob("*")]
    return "\n".join(path.read_text(errors="replace") for path in paths if path.is_file())
