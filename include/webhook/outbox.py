"""Events that a webhook's receiver must get, in Postgres until it has them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from include.sql import query

LEASE = timedelta(seconds=60)
"""How long a sender may take over one event before another looks after it: more than the longest time-out."""
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)
LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed event; ``attempts`` counts the claims, and is the fencing token of this one."""

    id: int
    event_id: UUID
    body: str
    attempts: int
    created_at: datetime


def pause(attempts: int) -> timedelta:
    """Return how long to wait after the n-th failed attempt (n from 1): doubled each time, up to an hour."""
    return min(FIRST_PAUSE * (1 << min(max(attempts - 1, 0), 20)), LONGEST_PAUSE)


class WebhookOutbox:
    """The outbox over one connection in autocommit mode; ``enqueue`` joins a transaction that is open on it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def enqueue(self, event_id: UUID, body: str, now: datetime) -> bool:
        """Put an event into the outbox; false when it was there before."""
        values = {"event_id": event_id, "body": body, "now": now}
        return self._connection.execute(query("webhook_add"), values).rowcount == 1

    def is_due(self, now: datetime) -> bool:
        """Return whether an event could be claimed."""
        ((due,),) = self._connection.execute(query("webhook_is_due"), {"now": now}).fetchall()
        return bool(due)

    def drop(self, now: datetime) -> int:
        """Give up what is due, for nobody listens; return how many."""
        return self._connection.execute(query("webhook_drop"), {"now": now}).rowcount

    def claim(self, now: datetime) -> Delivery | None:
        """Take the event that has been due the longest, for ``LEASE``, or None."""
        with self._connection.cursor(row_factory=class_row(Delivery)) as cursor:
            return cursor.execute(query("webhook_claim"), {"now": now, "lease_until": now + LEASE}).fetchone()

    def sent(self, delivery: Delivery, now: datetime) -> bool:
        """Note that the receiver has it; false when another sender has claimed it since."""
        return self._end(delivery, "sent", None, now)

    def failed(self, delivery: Delivery, error: str, now: datetime, *, for_good: bool = False) -> bool:
        """Note that an attempt failed: the event waits longer and longer, and is given up after three days.

        Args:
            delivery: what was tried.
            error: why it failed; no address and no secret.
            now: the clock.
            for_good: whether the receiver wants no such event any more.
        """
        if for_good or now - delivery.created_at >= GIVEN_UP_AFTER:
            return self._end(delivery, "given_up", error, now)
        values = {"id": delivery.id, "attempts": delivery.attempts, "error": error[:LONGEST_ERROR]}
        values |= {"retry_at": now + pause(delivery.attempts)}
        return self._connection.execute(query("webhook_release"), values).rowcount == 1

    def _end(self, delivery: Delivery, state: str, error: str | None, now: datetime) -> bool:
        values = {"id": delivery.id, "attempts": delivery.attempts, "state": state, "now": now}
        values |= {"error": error and error[:LONGEST_ERROR]}
        return self._connection.execute(query("webhook_end"), values).rowcount == 1
