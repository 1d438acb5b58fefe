"""A door in front of Slack: open, or answering as Slack does on a bad day.

``python -m tests.crash.slack_outage.gate PORT TARGET MODE``. Whoever finds nobody at the port is refused: that is the
third way in which Slack can be away.
"""

import http.client
import json
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import urlsplit

from local.servers.server import LOOPBACK

RETRY_AFTER_S = 2
TIMEOUT_S = 10
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host", "date", "server"}


class Mode(StrEnum):
    """What the door does: it lets calls through, answers 500, or 429 with its Retry-After.

    Of the posts that are answered with 500 every second one has reached Slack before.
    """

    OPEN = "open"
    ERROR = "500"
    THROTTLE = "429"


@dataclass(frozen=True)
class Gate:
    """The door as a server of its own."""

    port: int
    target: str
    mode: Mode
    name: str = "gate"
    stop_signal: signal.Signals = signal.SIGKILL
    stop_seconds: int = 5

    @property
    def command(self) -> tuple[str, ...]:
        """This module, as a program."""
        return (sys.executable, "-m", "tests.crash.slack_outage.gate", str(self.port), self.target, self.mode)

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing beyond what is inherited."""
        return {}

    @property
    def address(self) -> str:
        """Where Slack seems to be."""
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """It keeps nothing."""

    def problem(self) -> str | None:
        """Ask whether somebody listens."""
        try:
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
        except OSError as error:
            return str(error)
        return None


class Door(BaseHTTPRequestHandler):
    """One connection at the door."""

    protocol_version = "HTTP/1.1"
    target: str
    mode: Mode
    posts = count()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.mode is Mode.OPEN:
            self._answer(*self._forwarded(body))
        elif self.mode is Mode.THROTTLE:
            self._answer(
                429, {"Retry-After": str(RETRY_AFTER_S)}, json.dumps({"ok": False, "error": "ratelimited"}).encode()
            )
        else:
            if self.path.endswith("chat.postMessage") and next(self.posts) % 2:
                self._forwarded(body)
            self._answer(500, {}, b"internal error")

    def do_GET(self) -> None:
        self.do_POST()

    def _forwarded(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        parts = urlsplit(self.target)
        slack = http.client.HTTPConnection(parts.hostname or LOOPBACK, parts.port, timeout=TIMEOUT_S)
        try:
            slack.request(self.command, self.path, body, {name: self.headers[name] for name in self._own()})
            answer = slack.getresponse()
            return (
                answer.status,
                {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP},
                answer.read(),
            )
        finally:
            slack.close()

    def _own(self) -> list[str]:
        return [name for name in self.headers if name.lower() not in HOP_BY_HOP]

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep silent; the children's log tells what they were answered."""


if __name__ == "__main__":
    Door.target, Door.mode = sys.argv[2], Mode(sys.argv[3])
    ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), Door).serve_forever()
