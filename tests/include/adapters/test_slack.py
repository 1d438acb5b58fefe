"""Claims about the Slack adapter: what each of Slack's answers, and each way of not answering, means."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from include.adapters.slack import (
    MessageGoneError,
    MessageReference,
    MessageRefusedError,
    OutcomeUnknownError,
    RateLimitedError,
    SlackApiMessenger,
    SlackWebhookMessenger,
)
from include.errors import CaliError, ConfigurationError, TransientError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class ScriptedServer:
    """A server on loopback that gives the answers it is told to: status, headers and body, or None to hang up."""

    url: str
    answers: list[tuple[int, dict[str, str], str] | None] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Run a scripted server for one test."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            scripted.requests.append((self.path, self.rfile.read(length).decode()))
            answer = scripted.answers.pop(0)
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        scripted = ScriptedServer(f"http://127.0.0.1:{http.server_port}/")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield scripted
        http.shutdown()
        thread.join()


def api(url: str) -> SlackApiMessenger:
    """Return a messenger over the Web API at ``url``."""
    return SlackApiMessenger(WebClient("xoxb-0", base_url=url, timeout=2))


def webhook(url: str) -> SlackWebhookMessenger:
    """Return a messenger over one webhook at ``url``."""
    return SlackWebhookMessenger({"cali-alerts": WebhookClient(url, timeout=2)})


def refused(error: str) -> tuple[int, dict[str, str], str]:
    """Return Slack's way to say no."""
    return 200, {"Content-Type": "application/json"}, json.dumps({"ok": False, "error": error})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refused("channel_not_found"), ConfigurationError),
        (refused("invalid_auth"), ConfigurationError),
        (refused("account_inactive"), ConfigurationError),
        (refused("token_revoked"), ConfigurationError),
        (refused("invalid_blocks"), MessageRefusedError),
        (refused("a_reason_of_tomorrow"), MessageRefusedError),
        (refused("edit_window_closed"), MessageGoneError),
        (refused("internal_error"), OutcomeUnknownError),
        (refused("ratelimited"), RateLimitedError),
        ((429, {"Retry-After": "7"}, ""), RateLimitedError),
        ((503, {}, "<html>busy</html>"), OutcomeUnknownError),
        (None, OutcomeUnknownError),
    ],
)
def test_each_answer_has_its_meaning(
    server: ScriptedServer, answer: tuple[int, dict[str, str], str] | None, expected: type[CaliError]
) -> None:
    """Slack's answers become errors that say whether a retry helps, and Slack is asked once: no hidden retry."""
    server.answers.append(answer)
    with pytest.raises(CaliError) as caught:
        api(server.url).post("cali-alerts", "t", [], "k")
    assert (type(caught.value), len(server.requests)) == (expected, 1)
    assert caught.value.permanent is (expected in {ConfigurationError, MessageRefusedError, MessageGoneError})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((404, {}, "no_service"), ConfigurationError),
        ((400, {}, "invalid_payload"), MessageRefusedError),
        ((429, {"Retry-After": "7"}, "rate_limited"), RateLimitedError),
        ((500, {}, "oops"), OutcomeUnknownError),
        (None, OutcomeUnknownError),
    ],
)
def test_each_answer_of_a_webhook_has_its_meaning(
    server: ScriptedServer, answer: tuple[int, dict[str, str], str] | None, expected: type[CaliError]
) -> None:
    """The same for webhooks, which answer in plain text."""
    server.answers.append(answer)
    with pytest.raises(CaliError) as caught:
        webhook(server.url).post("cali-alerts", "t", [], "k")
    assert (type(caught.value), len(server.requests)) == (expected, 1)


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "7"}, 7), ({"retry-after": "1.5"}, 1.5), ({}, 30)])
def test_retry_after_is_read(server: ScriptedServer, header: dict[str, str], seconds: float) -> None:
    """The wait is what Slack asks for, or half a minute when it does not say."""
    server.answers.append((429, header, ""))
    with pytest.raises(RateLimitedError) as caught:
        api(server.url).update(MessageReference("C1", "1.0"), "t", [])
    assert caught.value.retry_after == timedelta(seconds=seconds)


def test_a_refused_connection_has_not_reached_slack(free_port: Any) -> None:
    """Nobody listens: a plain transient error, so nothing has to be looked for."""
    with pytest.raises(TransientError) as caught:
        api(f"http://127.0.0.1:{free_port()}/").post("cali-alerts", "t", [], "k")
    assert type(caught.value) is TransientError


def test_an_error_never_shows_the_token_or_the_webhook(server: ScriptedServer) -> None:
    """What reaches a log names the channel, not the secret."""
    server.answers.extend([refused("invalid_auth"), (404, {}, "no_service")])
    with pytest.raises(ConfigurationError) as of_api:
        api(server.url).post("cali-alerts", "t", [], "k")
    with pytest.raises(ConfigurationError) as of_webhook:
        webhook(f"{server.url}services/T0/B0/secret").post("cali-alerts", "t", [], "k")
    shown = f"{of_api.value} {of_webhook.value}"
    assert [secret in shown for secret in ("xoxb-0", "secret")] == [False, False]


def test_a_history_that_may_not_be_read_is_no_obstacle(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the right to search, the search finds nothing and says so: a doubled alert is better than a lost one."""
    server.answers.append(refused("missing_scope"))
    assert api(server.url).find("cali-alerts", "k", NOW) is None
    assert "may appear twice" in caplog.text


def test_a_webhook_repeats_what_it_cannot_edit(server: ScriptedServer) -> None:
    """A post has no time stamp, an update is a new message, a search finds nothing."""
    server.answers.extend([(200, {}, "ok"), (200, {}, "ok")])
    messenger = webhook(server.url)
    reference = messenger.post("cali-alerts", "once", [], "k")
    messenger.update(reference, "twice", [])
    assert (reference, messenger.find("cali-alerts", "k", NOW)) == (MessageReference("cali-alerts", None), None)
    assert [json.loads(body)["text"] for _, body in server.requests] == ["once", "twice"]


def test_a_channel_without_a_webhook_is_a_setting_to_correct() -> None:
    """Each channel's name needs its webhook."""
    with pytest.raises(ConfigurationError, match="No webhook for channel cali-quality"):
        webhook("http://127.0.0.1:1/").post("cali-quality", "t", [], "k")
