"""Telling on a real database: each violation once, its end once, and nothing of what is no violation."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from include.ledger.postgres import connected
from include.sla.contract import Completion
from include.sla.incidents.causes import Failure, note_failure
from include.sla.incidents.desk import Desk
from include.sla.incidents.tell import tell
from include.sla.judge import judge
from include.sla.postgres import PostgresRecorder
from tests.include.sla.test_recorder_contract import forget_seeds

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)


class Site:
    """A database with one realtime promise of five minutes, and a clock that a test moves."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        forget_seeds(connection)
        connection.execute(
            "insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes, owner, slack_channel, "
            "escalation_channel, escalate_after_minutes) "
            "values ('logs_drain', 'realtime', 5, 'platform', 'sla', 'on-call', 20)"
        )
        # As if it had been made in the past.
        self.begin = datetime(2026, 3, 2, 12, tzinfo=UTC)
        connection.execute("update cali.sla_definition_versions set valid_from = %s", (self.begin,))
        self.recorder = PostgresRecorder(connection)
        self.recorder.known_since(self.begin)
        self.listens = True

    def look(self, minutes: float) -> dict[str, int]:
        """Judge and tell so many minutes after the beginning."""
        now = self.begin + minutes * MINUTE
        judge(self.recorder, now)
        return dict(self.tell(self.connection, minutes))

    def tell(self, connection: psycopg.Connection, minutes: float) -> dict[str, int]:
        """Only tell."""
        desk = Desk(connection, "http://airflow", lambda: self.listens)
        return dict(tell(connection, desk, self.begin + minutes * MINUTE))

    def complete(self, minutes: float) -> None:
        """Complete everything that has arrived."""
        at = self.begin + minutes * MINUTE
        self.recorder.log(Completion("logs_drain", f"run-{minutes}", at, at))

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement).fetchall()  # type: ignore[arg-type]

    def slack(self) -> list[tuple[str, str]]:
        """Return each message's channel and text."""
        return [
            (row["channel"], row["text"])
            for row in self.rows("select channel, payload->>'text' as text from cali.alert_outbox order by id")
        ]

    def webhook(self) -> list[dict[str, Any]]:
        """Return each event's body."""
        return [json.loads(row["body"]) for row in self.rows("select body from cali.webhook_outbox order by id")]


@pytest.fixture
def site(migrated_uri: str) -> Iterator[Site]:
    """Yield a new site."""
    with connected(migrated_uri) as connection:
        yield Site(connection)


def test_a_miss_is_told_once_and_its_end_once(site: Site) -> None:
    """However many windows it takes, and however often the monitor looks."""
    site.complete(4)
    assert site.look(6) == {}
    assert site.look(11) == {"opened": 1}
    assert [site.look(minutes) for minutes in (11.5, 16, 21)] == [{}, {}, {}]
    site.complete(22)
    assert site.look(22.5) == {"recovered": 1}
    assert [site.look(minutes) for minutes in (23, 25, 26)] == [{}, {}, {}]
    assert site.slack() == [
        (
            "sla",
            (
                "🔴 logs_drain (realtime) is late. Nothing waits longer than 5 minutes. no run has completed since "
                "2026-03-02 12:04 UTC: paused, or not started?"
            ),
        ),
        (
            "sla",
            (
                "🟢 logs_drain (realtime): completed again, 12 min late. Nothing waits longer than 5 minutes. no run "
                "has completed since 2026-03-02 12:04 UTC: paused, or not started?"
            ),
        ),
    ]
    assert [(one["event"], one["incident"]["windows"]) for one in site.webhook()] == [("opened", 1), ("recovered", 3)]
    told = site.rows("select count(*) as told from cali.sla_violations where notified_at is not null")
    assert told == [{"told": 3}]


def test_what_is_over_when_it_is_seen_is_one_message(site: Site) -> None:
    """The monitor was away for an hour: one message says all of it, and a webhook gets both events."""
    site.complete(52)
    assert site.look(60) == {"opened": 1}
    site.complete(61)
    assert site.look(62) == {"recovered": 1}
    assert len(site.slack()) == 2
    site.complete(64)
    site.complete(88)
    assert site.look(90) == {"opened": 1, "recovered": 1}
    assert [channel for channel, _ in site.slack()] == ["sla"] * 3
    assert [one["event"] for one in site.webhook()] == ["opened", "recovered"] * 2


def test_nobody_is_told_of_what_is_unknown_or_excused(site: Site) -> None:
    """There is no violation in either."""
    site.connection.execute("update cali.completion_log_horizon set known_since = known_since + interval '9 minutes'")
    site.connection.execute("update cali.sla_definitions set enabled = false")
    site.connection.execute(
        "update cali.sla_definition_versions set valid_from = %(at)s where version = 2",
        {"at": site.begin + 14 * MINUTE},
    )
    site.connection.execute(
        "update cali.sla_definition_versions set valid_to = %(at)s where version = 1", {"at": site.begin + 14 * MINUTE}
    )
    assert site.look(30) == {}
    verdicts = site.rows("select verdict from cali.sla_verdicts order by window_start")
    assert [row["verdict"] for row in verdicts] == ["unknown", "unknown", "excused"]
    assert site.slack() == []


def test_it_is_escalated_once_unless_somebody_acknowledges(site: Site) -> None:
    """To a second channel, after the definition's own time."""
    site.look(6)
    assert site.look(25) == {}
    assert site.look(26) == {"escalated": 1}
    assert site.look(27) == {}
    assert [channel for channel, _ in site.slack()] == ["sla", "on-call"]
    assert "nobody has acknowledged it" in site.slack()[1][1]
    assert [one["event"] for one in site.webhook()] == ["opened", "escalated"]


def test_what_is_acknowledged_is_not_escalated(site: Site) -> None:
    """Somebody is at it."""
    site.look(6)
    (row,) = site.rows("select definition_id from cali.sla_definitions")
    assert site.recorder.acknowledge(row["definition_id"], None, "ada", site.begin + 7 * MINUTE) == 1
    assert site.look(40) == {}
    assert [channel for channel, _ in site.slack()] == ["sla"]


def test_a_promise_that_is_taken_back_ends_its_incident(site: Site) -> None:
    """It is said, and the next miss after it is enabled again is a new one."""
    site.look(6)
    site.connection.execute("delete from cali.sla_definitions")
    assert site.tell(site.connection, 7) == {"recovered": 1}
    assert "the service level was switched off" in site.slack()[-1][1]


def test_the_failing_task_is_named(site: Site) -> None:
    """With what it said, and a link to its log."""
    failure = Failure("logs_drain", "drain", 4, site.begin + 3 * MINUTE, "S3 did not answer", "http://airflow/log")
    note_failure(site.connection, "run", -1, failure)
    note_failure(site.connection, "run", -1, failure)
    site.look(6)
    incident = site.webhook()[0]["incident"]
    assert incident["cause"] == "logs_drain.drain failed at 12:03 UTC (try 4): S3 did not answer"
    assert incident["url"] == "http://airflow/log"
    assert incident | {"minutes_late": 1.0, "owner": "platform", "severity": "warning"} == incident


def test_without_a_receiver_nothing_waits_for_one(site: Site) -> None:
    """People are told all the same."""
    site.listens = False
    site.look(6)
    assert (len(site.slack()), site.webhook()) == (1, [])


def test_two_monitors_tell_nothing_twice(site: Site, migrated_uri: str) -> None:
    """Whichever comes first tells, the other finds it told."""
    judge(site.recorder, site.begin + 6 * MINUTE)
    gate = threading.Barrier(4)
    told: list[dict[str, int]] = []

    def monitor() -> None:
        with connected(migrated_uri) as connection:
            gate.wait()
            told.append(site.tell(connection, 6))

    threads = [threading.Thread(target=monitor) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told, key=len) == [{}, {}, {}, {"opened": 1}]
    assert (len(site.slack()), len(site.webhook())) == (1, 1)


def test_a_monitor_that_is_killed_while_it_tells_has_told_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is in the transaction that writes it down, so the next one tells it, once."""

    class KilledError(Exception):
        """The process is gone."""

    def killed(*_: object) -> None:
        raise KilledError

    judge(site.recorder, site.begin + 6 * MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "_to_webhook", killed)
        with pytest.raises(KilledError):
            site.tell(site.connection, 6)
    assert site.slack() == []
    assert site.rows("select incident_id from cali.sla_incidents") == []
    assert site.tell(site.connection, 7) == {"opened": 1}
