"""The watcher against real servers: a health page, Postgres, Slack, a webhook's receiver and a dead man's switch."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ConfigurationError
from include.ledger.postgres import connected
from include.sla.heartbeat import MONITOR, WATCHER, beat, last_beat
from include.watcher.__main__ import Watcher, main
from include.watcher.settings import WatcherSettings, watcher_settings
from tests.include.webhook.receiving import SECRET, receiving

if TYPE_CHECKING:
    from pathlib import Path

    from slack_sdk import WebClient

    from local.servers.slack import SlackServer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WELL = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}
ILL = WELL | {"scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-03-02T11:59:00+00:00"}}


class Page:
    """Airflow's health page, and a dead man's switch under /ping, as a test sets them."""

    answer: dict[str, Any] | None = WELL
    pings = 0
    url = ""


@pytest.fixture
def page() -> Iterator[Page]:
    """Run the page's server."""
    page = Page()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page.pings += self.path == "/ping/secret-key"
            body = json.dumps(page.answer).encode()
            self.send_response(500 if page.answer is None else 200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler) as page.url:
        yield page


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """A clock that a test moves."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


def environment(page: Page, postgres: str, slack: SlackServer, **more: str) -> dict[str, str]:
    """Return what a watcher finds in its environment."""
    connection = {"conn_type": "slack", "password": slack.token, "extra": {"base_url": slack.api}}
    return {
        "CALI_AIRFLOW_URL": page.url,
        "CALI_POSTGRES_URI": postgres,
        "AIRFLOW_CONN_SLACK_DEFAULT": json.dumps(connection),
        "CALI_DEAD_MANS_SWITCH_URL": f"{page.url}/ping/secret-key",
        **more,
    }


def said(client: WebClient, since: int) -> list[str]:
    """Return what was said in the channel behind the first ``since`` messages, oldest first."""
    channels = client.conversations_list()["channels"]
    (channel,) = [one["id"] for one in channels if one["name"] == "cali-alerts"]
    messages = client.conversations_history(channel=channel, limit=200)["messages"]
    return [message["text"] for message in reversed(messages)][since:]


class Site:
    """A watcher with its clock and what it tells."""

    def __init__(self, settings: WatcherSettings, slack_client: WebClient) -> None:
        self.clock = Clock()
        self.settings = settings
        self.watcher = Watcher(settings, self.clock)
        self._client = slack_client
        self._before = len(said(slack_client, 0))

    def look(self, seconds: int) -> list[str]:
        """Look so many seconds after noon; return all that was said so far."""
        self.clock.now = NOON + timedelta(seconds=seconds)
        self.watcher.look()
        return said(self._client, self._before)


@pytest.fixture
def site(page: Page, migrated_uri: str, slack_server: SlackServer, slack_client: WebClient) -> Iterator[Site]:
    """Yield a watcher of a new database."""
    site = Site(watcher_settings(environment(page, migrated_uri, slack_server)), slack_client)
    yield site
    site.watcher.close()


@pytest.mark.integration
def test_a_scheduler_that_is_down_is_told_once_and_so_is_its_return(site: Site, page: Page, migrated_uri: str) -> None:
    """Directly to Slack, recorded in Postgres, also by a watcher that was started anew meanwhile."""
    assert site.look(0) == []
    page.answer = ILL
    assert [site.look(seconds) for seconds in (30, 200)] == [[], []]
    down = "🔴 scheduler is silent. The platform is at work. its last heartbeat was at 2026-03-02T11:59:00+00:00"
    assert [site.look(seconds) for seconds in (210, 240)] == [[down], [down]]
    site.watcher.close()
    site.watcher = Watcher(site.settings, site.clock)
    assert [site.look(seconds) for seconds in (270, 600)] == [[down], [down]]
    page.answer = WELL
    up = (
        "🟢 scheduler: it is back, 10 min late. The platform is at work. "
        "its last heartbeat was at 2026-03-02T11:59:00+00:00"
    )
    assert [site.look(seconds) for seconds in (630, 660)] == [[down, up], [down, up]]
    with connected(migrated_uri) as connection:
        rows = connection.execute("select kind, subject, recovery from cali.sla_incidents").fetchall()
        assert rows == [("platform", "scheduler", "it is back")]
        assert last_beat(connection, WATCHER) == NOON + timedelta(seconds=660)


@pytest.mark.integration
def test_a_page_that_does_not_answer_is_a_silence_of_airflow(site: Site, page: Page) -> None:
    """Whether it refuses or answers nonsense."""
    page.answer = None
    assert site.look(0) == []
    (text,) = site.look(180)
    assert text.startswith("🔴 airflow is silent")


@pytest.mark.integration
def test_a_monitor_that_is_paused_is_told(site: Site, migrated_uri: str) -> None:
    """Airflow is well and nobody judges."""
    with connected(migrated_uri) as connection:
        beat(connection, MONITOR, NOON)
    assert [site.look(seconds) for seconds in (0, 290, 300, 450)] == [[]] * 4
    (text,) = site.look(480)
    assert text.startswith("🔴 sla_monitor is silent")


@pytest.mark.integration
def test_postgres_is_told_of_without_postgres_and_recorded_afterwards(
    page: Page,
    migrated_uri: str,
    slack_server: SlackServer,
    slack_client: WebClient,
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once by word, its end once, and then as a row."""
    away = f"postgresql://cali@127.0.0.1:{free_port()}/cali"
    site = Site(watcher_settings(environment(page, away, slack_server)), slack_client)
    assert site.look(0) == []
    (down,) = site.look(180)
    assert down == "🔴 postgres is silent. The platform is at work. it does not answer"
    assert site.look(210) == [down]
    monkeypatch.setattr(site.watcher._eyes, "_uri", migrated_uri)
    (_, up) = site.look(240)
    assert up.startswith("🟢 postgres: it is back, 4 min late")
    assert len(site.look(270)) == 2
    site.watcher.close()
    with connected(migrated_uri) as connection:
        rows = connection.execute("select subject, opened_at, recovered_at from cali.sla_incidents").fetchall()
    assert rows == [("postgres", NOON + timedelta(seconds=180), NOON + timedelta(seconds=240))]


@pytest.mark.integration
def test_two_watchers_tell_nothing_twice(site: Site, page: Page) -> None:
    """The record is one."""
    second = Watcher(site.settings, site.clock)
    page.answer = ILL
    for seconds in (0, 180):
        site.look(seconds)
        second.look()
    second.close()
    assert len(site.look(210)) == 1


@pytest.mark.integration
def test_the_switch_is_pinged_while_all_is_well(site: Site, page: Page, caplog: pytest.LogCaptureFixture) -> None:
    """Not when something is ill, so that the alarm goes off; its address is in no log."""
    for seconds in (0, 30):
        site.look(seconds)
    assert page.pings == 2
    page.answer = ILL
    site.look(60)
    assert page.pings == 2
    assert "secret-key" not in caplog.text + repr(site.settings)


@pytest.mark.integration
def test_the_webhook_is_told_as_well(
    page: Page, migrated_uri: str, slack_server: SlackServer, slack_client: WebClient
) -> None:
    """By the watcher itself: whoever sends its events otherwise is silent."""
    page.answer = ILL
    with receiving() as receiver:
        connection = json.dumps({"conn_type": "http", "host": receiver.url, "password": SECRET})
        variables = environment(page, migrated_uri, slack_server, AIRFLOW_CONN_CALI_WEBHOOK=connection)
        site = Site(watcher_settings(variables), slack_client)
        for seconds in (0, 180, 210):
            site.look(seconds)
        site.watcher.close()
        ((_, body),) = receiver.got
        assert receiver.is_genuine(0)
    incident = json.loads(body)["incident"]
    assert (incident["kind"], incident["name"], incident["severity"]) == ("platform", "scheduler", "critical")


@pytest.mark.integration
def test_the_process_looks_once_and_ends(
    page: Page, migrated_uri: str, slack_server: SlackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its command, with its settings from the environment; who called it has its own signal handlers back."""
    alive = tmp_path / "alive"
    variables = environment(page, migrated_uri, slack_server, CALI_WATCH_ALIVE_FILE=str(alive))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert main(["--once"]) == 0
    assert handlers == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert alive.exists()
    with connected(migrated_uri) as connection:
        assert last_beat(connection, WATCHER) is not None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"CALI_POSTGRES_URI": ""}, "CALI_POSTGRES_URI is not set"),
        ({"CALI_AIRFLOW_URL": "airflow:8080"}, "CALI_AIRFLOW_URL is no http"),
        ({"AIRFLOW_CONN_SLACK_DEFAULT": "xoxb-secret"}, "AIRFLOW_CONN_SLACK_DEFAULT is neither a JSON object"),
        ({"AIRFLOW_CONN_SLACK_DEFAULT": "{xoxb-secret}"}, "AIRFLOW_CONN_SLACK_DEFAULT is neither a JSON object"),
        ({"CALI_WATCH_EVERY_S": "0"}, "CALI_WATCH_EVERY_S='0'"),
    ],
)
def test_a_wrong_setting_is_named_and_shows_no_secret(changes: dict[str, str], named: str) -> None:
    """And the process does not pretend to watch."""
    variables = {
        "CALI_AIRFLOW_URL": "http://airflow",
        "CALI_POSTGRES_URI": "postgresql://",
        "AIRFLOW_CONN_SLACK_DEFAULT": '{"conn_type": "slack", "password": "xoxb-secret"}',
    }
    with pytest.raises(ConfigurationError, match=named) as caught:
        watcher_settings(variables | changes)
    assert "xoxb-secret" not in str(caught.value)


def test_a_connection_may_be_a_uri_as_well() -> None:
    """Like everywhere in Airflow; the token's special characters are quoted there."""
    variables = {"CALI_AIRFLOW_URL": "http://airflow", "CALI_POSTGRES_URI": "postgresql://"}
    variables["AIRFLOW_CONN_SLACK_DEFAULT"] = "slack://:xoxb%2Fsecret@/?base_url=http%3A%2F%2Fslack%2Fapi%2F"
    assert watcher_settings(variables).slack == {
        "conn_type": "slack",
        "host": "",
        "password": "xoxb/secret",
        "extra": {"base_url": "http://slack/api/"},
    }
