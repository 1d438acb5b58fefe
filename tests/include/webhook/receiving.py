"""A real HTTP receiver that does what docs/webhook.md tells receivers to do."""

from __future__ import annotations

import hashlib
import hmac
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "0123456789abcdef-secret"
PATH = "/webhook/a-key-that-nobody-may-see"


@dataclass
class Receiver:
    """What came, and what is answered: a status, or (None) nothing until ``released`` is set."""

    port: int = 0
    statuses: list[int | None] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def is_genuine(self, number: int) -> bool:
        """Check a request's signature, independently of the code that made it."""
        headers, body = self.got[number]
        signed = headers["x-cali-timestamp"].encode() + b"." + body
        expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(headers["x-cali-signature"], expected)


@contextmanager
def receiving(*statuses: int | None) -> Iterator[Receiver]:
    """Run a receiver that answers with one status after the other, and with 204 behind them."""
    receiver = Receiver(statuses=list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = receiver.statuses.pop(0) if receiver.statuses else 204
            if status is None:
                receiver.released.wait(30)
                return
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
