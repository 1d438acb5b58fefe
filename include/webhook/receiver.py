"""Who listens, and what proves to them that a message is ours."""

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from include.errors import ConfigurationError

TIMESTAMP = "X-Cali-Timestamp"
SIGNATURE = "X-Cali-Signature"
EVENT_ID = "X-Cali-Event-Id"
VERSION = "v1"
TIMEOUT_S = 5.0
LEAST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where events go. Neither the address (its path is often the only key to it) nor the secret is ever shown.

    Raises:
        ConfigurationError: the address is no http(s) URL, or the secret is too short to prove anything.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("The webhook's address is no http(s) URL: set it as the Connection's host")
        if len(self.secret) < LEAST_SECRET:
            raise ConfigurationError(
                f"The webhook's secret has fewer than {LEAST_SECRET} characters: set it as the Connection's password"
            )

    @property
    def name(self) -> str:
        """The host alone, for messages and logs."""
        return urlsplit(self.url).hostname or ""

    def headers(self, event_id: str, body: bytes, timestamp: int) -> dict[str, str]:
        """Return what is sent with a body at a time (seconds since 1970)."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "cali-webhook/1",
            EVENT_ID: event_id,
            TIMESTAMP: str(timestamp),
            SIGNATURE: signature(self.secret, timestamp, body),
        }


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return ``v1=`` and the HMAC-SHA256 of ``<timestamp>.<body>`` in hexadecimal.

    The time is signed with the body, so that a receiver can refuse a message that somebody recorded and sends again.
    """
    signed = f"{timestamp}.".encode() + body
    return f"{VERSION}={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
