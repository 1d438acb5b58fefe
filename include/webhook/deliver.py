"""Send what the webhook's outbox holds: at least once, and never for longer than it is allowed to."""

import http.client
import logging
import urllib.request
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.error import HTTPError

from include.errors import CaliError, TransientError
from include.records import Clock, utc_now
from include.webhook.outbox import Delivery, WebhookOutbox
from include.webhook.receiver import Receiver

log = logging.getLogger(__name__)
GONE = 410
"""The receiver has said that it wants no events any more."""


class RefusedError(CaliError):
    """The receiver wants this event neither now nor later."""

    permanent = True


class Post(Protocol):
    """Brings one event to its receiver."""

    def __call__(self, receiver: Receiver, event_id: str, body: bytes, now: datetime) -> None:
        """Return when the receiver has answered 2xx.

        Raises:
            RefusedError: it answered 410.
            TransientError: it did not answer in time, or otherwise; the message names the host alone.
        """


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed event goes to the address that was set, and to no other."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - urllib's own
        return None


def post(receiver: Receiver, event_id: str, body: bytes, now: datetime) -> None:
    """Bring one event to its receiver by HTTP."""
    headers = receiver.headers(event_id, body, int(now.timestamp()))
    request = urllib.request.Request(receiver.url, body, headers, method="POST")  # noqa: S310 - Receiver has seen to it
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=receiver.timeout_s) as answer:
            answer.read(1)
    except HTTPError as error:
        error.close()
        kind = RefusedError if error.code == GONE else TransientError
        raise kind(f"the webhook's receiver {receiver.name} answered {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        # Not the error's own words, and not as its cause: they may hold the address.
        reason = type(getattr(error, "reason", error)).__name__
        raise TransientError(f"the webhook's receiver {receiver.name} did not answer ({reason})") from None


def deliver(
    outbox: WebhookOutbox, receiver: Receiver, budget_s: float, clock: Clock = utc_now, send: Post = post
) -> Counter[str]:
    """Send what is due, until nothing is or ``budget_s`` have passed; return how many were ``sent`` and ``failed``.

    One call may pass the budget by the receiver's time-out. A receiver that has failed is left alone for this time:
    one that is dead costs one time-out. Several may deliver at once; each event is claimed by one.

    Raises:
        psycopg.OperationalError: Postgres was away; what was claimed is due again after its lease.
    """
    done: Counter[str] = Counter()
    deadline = clock() + timedelta(seconds=budget_s)
    while not done["failed"] and clock() < deadline and (delivery := outbox.claim(clock())) is not None:
        done[_deliver(outbox, receiver, delivery, clock, send)] += 1
    return done


def _deliver(outbox: WebhookOutbox, receiver: Receiver, delivery: Delivery, clock: Clock, send: Post) -> str:
    try:
        send(receiver, str(delivery.event_id), delivery.body.encode(), clock())
    except CaliError as error:
        log.warning("event not delivered id=%s attempt=%d error=%s", delivery.event_id, delivery.attempts, error)
        outbox.failed(delivery, str(error), clock(), for_good=error.permanent)
        return "failed"
    outbox.sent(delivery, clock())
    return "sent"
