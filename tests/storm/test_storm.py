"""A storm in memory: one message a kind, at the pace, with exact counts. And what breaks that is found out."""

from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.adapters.slack_memory import InMemoryMessenger
from include.alerts.dispatch import dispatch
from include.alerts.outbox import Kind
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.ledger.memory import InMemoryLedger
from include.process.alert_stage import alert_pending
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from tests.storm.errors import Storm
from tests.storm.verdict import StormVerdict, busiest, judge_storm, times_of

if TYPE_CHECKING:
    from tests.crash.verdict import Messages

KINDS, ERRORS, SECONDS = 20, 2_000, 10
URL = "http://127.0.0.1:8080/dags/logs_process/runs/storm"


class World:
    """A drain, the stages and a Slack in memory, whose clock waits for nobody."""

    def __init__(self, settings: AlertSettings) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.settings = settings
        self.stream, self.bucket, self.ledger = InMemoryStream("logs"), InMemoryObjectStore(), InMemoryLedger()
        self.alerts, self.messenger = InMemoryAlertStore(), InMemoryMessenger(lambda: self.now)
        self.storm, self.put = Storm(KINDS, seed=3), Counter[str]()

    def rage(self) -> StormVerdict:
        """Put the errors, a batch each second; send meanwhile and until nothing waits."""
        for _ in range(SECONDS):
            for record in self.storm.records(ERRORS // SECONDS, self.now):
                self.stream.put("shardId-000000000000", record.data, self.now)
                self.put[str(record.scenario)] += 1
            self._process()
            self._send(1.0)
        self._send(600.0)
        return self.judge()

    def judge(self) -> StormVerdict:
        """Return what the proof makes of it."""
        groups: list[dict[str, Any]] = [asdict(group) for group in self.alerts.groups()]
        openings = [
            {"group_id": message.group_id, "message_key": message.message_key}
            for message in self.alerts.messages()
            if message.kind is Kind.OPEN
        ]
        shown: Messages = {message.key: [{"blocks": message.blocks}] for message in self.messenger.messages}
        times = times_of((channel, at.timestamp()) for at, _, channel in self.messenger.calls)
        return judge_storm(groups, openings, shown, self.storm.fingerprints(self.put), times)

    def _process(self) -> None:
        source = ShardSource("logs", "logs", self.stream, lambda: self.now, lambda _: None)
        drain(source, self.bucket, self.ledger, DrainRequest("run", BufferHints()))
        place = Workplace(streams.get("logs"), self.bucket, self.ledger, "run", lambda: self.now)
        validate_pending(place)
        alert_pending(place, self.alerts, self.settings, URL)

    def _send(self, seconds: float) -> None:
        def wait(pause: float) -> None:
            self.now += timedelta(seconds=pause)

        end = self.now + timedelta(seconds=seconds)
        dispatch(self.alerts, self.messenger, self.settings, seconds, lambda: self.now, wait)
        self.now = max(self.now, end)


def test_a_storm_is_one_message_a_kind_at_slacks_pace_with_exact_counts() -> None:
    """Two thousand errors of twenty kinds in ten seconds: twenty first messages, one call a second, counts exact."""
    verdict = World(AlertSettings()).rage()
    assert verdict.holds, verdict
    assert (verdict.kinds, verdict.alerts.first_messages, verdict.alerts.groups) == (KINDS, KINDS, KINDS)


def test_a_sender_without_a_pace_is_found_out() -> None:
    """Twenty messages at once are more than eleven in ten seconds."""
    verdict = World(replace(AlertSettings(), pace=timedelta(0), update_pace=timedelta(0))).rage()
    assert (verdict.holds, verdict.busiest >= KINDS, verdict.alerts.wrong) == (False, True, 0)


def test_a_lost_record_and_a_lost_message_are_found_out() -> None:
    """A count that is one short and a kind that nobody was told of do not hold."""
    world = World(AlertSettings())
    world.rage()
    world.put.update([next(iter(world.put))])
    short = world.judge()
    assert (short.holds, short.alerts.miscounted) == (False, 1)
    world.messenger.messages.pop()
    assert world.judge().alerts.missing == 1


def test_the_command_has_its_options_and_tells_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """What needs no stack of the program is held here: that it starts, and that its table has every figure."""
    from tests.storm.__main__ import Result, main, render

    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert [name for name in ("errors", "kinds", "seconds", "seed") if f"--{name}" not in shown] == []
    verdict = World(AlertSettings()).rage()
    text = render(Result(ERRORS, 10.0, 5.0, 0, 0, verdict))
    assert (f"{ERRORS:,} in 10.0 s, {KINDS}" in text, f"{KINDS}, {KINDS}" in text) == (True, True)


@pytest.mark.parametrize(
    ("times", "most"), [([], 0), ([5.0], 1), ([float(n) for n in range(100)], 11), ([0.0, 0.5, 10.0, 10.4], 3)]
)
def test_the_busiest_ten_seconds(times: list[float], most: int) -> None:
    """Both ends of a window count."""
    assert busiest(times) == most
