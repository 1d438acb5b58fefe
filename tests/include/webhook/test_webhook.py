"""The webhook against a real receiver and a real database: signed, at least once, and in nobody's way."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from include.errors import ConfigurationError
from include.ledger.postgres import connected
from include.webhook.deliver import deliver
from include.webhook.outbox import GIVEN_UP_AFTER, LEASE, WebhookOutbox, pause
from include.webhook.receiver import Receiver, signature
from tests.include.webhook.receiving import PATH, SECRET, receiving

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BODY = json.dumps({"schema": "cali.sla/1", "text": "zu spät"}, ensure_ascii=False)


class Clock:
    """A clock that a test moves."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def database(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to a new database."""
    with connected(migrated_uri) as connection:
        yield connection


@pytest.fixture
def outbox(database: psycopg.Connection) -> WebhookOutbox:
    """Return an empty outbox."""
    return WebhookOutbox(database)


def states(database: psycopg.Connection) -> list[tuple[str, int]]:
    """Return each event's state and attempts."""
    return database.execute("select state, attempts from cali.webhook_outbox order by id").fetchall()


@pytest.mark.integration
def test_a_signed_event_reaches_a_real_receiver(database: psycopg.Connection, outbox: WebhookOutbox) -> None:
    """Byte for byte, with an id, a time and a signature that the receiver can check."""
    event_id = uuid4()
    assert outbox.enqueue(event_id, BODY, NOON)
    assert not outbox.enqueue(event_id, BODY, NOON)
    with receiving() as receiver:
        assert deliver(outbox, Receiver(receiver.url, SECRET), 5, Clock()) == {"sent": 1}
        ((headers, body),) = receiver.got
        assert receiver.is_genuine(0)
    assert body == BODY.encode()
    assert headers["x-cali-event-id"] == str(event_id)
    assert headers["x-cali-timestamp"] == str(int(NOON.timestamp()))
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert states(database) == [("sent", 1)]


def test_another_secret_time_or_body_has_another_signature() -> None:
    """Nobody can change an event, or send an old one as new; a known value pins the algorithm."""
    # printf '1.{}' | openssl dgst -sha256 -hmac secret
    known = "1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908"
    assert signature("secret", 1, b"{}") == f"v1={known}"
    made = {signature(*of) for of in ((SECRET, 1, b"{}"), (SECRET, 2, b"{}"), (SECRET, 1, b"[]"), ("x", 1, b"{}"))}
    assert len(made) == 4


@pytest.mark.integration
@pytest.mark.parametrize("status", [500, 404, 302, None])
def test_a_receiver_in_trouble_is_tried_again_later(
    database: psycopg.Connection, outbox: WebhookOutbox, status: int | None
) -> None:
    """After a pause that grows; the same event with the same id, and a redirection is not followed."""
    clock = Clock()
    outbox.enqueue(uuid4(), BODY, NOON)
    with receiving(status, 500) as receiver:
        target = Receiver(receiver.url, SECRET, timeout_s=0.3)
        for seconds in (0, 9, 10, 29, 30):
            clock.now = NOON + seconds * SECOND
            deliver(outbox, target, 5, clock)
        assert [headers["x-cali-event-id"] for headers, _ in receiver.got] == [
            receiver.got[0][0]["x-cali-event-id"]
        ] * 3
    assert states(database) == [("sent", 3)]


@pytest.mark.integration
def test_a_receiver_that_wants_no_more_is_left_alone(database: psycopg.Connection, outbox: WebhookOutbox) -> None:
    """410 ends the event at once, and three days of trouble end it as well."""
    clock = Clock()
    outbox.enqueue(uuid4(), BODY, NOON)
    with receiving(410, 500) as receiver:
        assert deliver(outbox, Receiver(receiver.url, SECRET), 5, clock) == {"failed": 1}
        assert states(database) == [("given_up", 1)]
        outbox.enqueue(uuid4(), BODY, NOON)
        clock.now = NOON + GIVEN_UP_AFTER
        deliver(outbox, Receiver(receiver.url, SECRET), 5, clock)
    assert states(database) == [("given_up", 1), ("given_up", 1)]


@pytest.mark.integration
def test_a_dead_receiver_costs_one_time_out_and_shows_nothing(
    database: psycopg.Connection, outbox: WebhookOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    """However much waits for it; and neither the address nor the secret is in a log or in the database."""
    caplog.set_level(logging.DEBUG)
    for _ in range(20):
        outbox.enqueue(uuid4(), BODY, NOON)
    with receiving(*[None] * 20) as receiver:
        target = Receiver(receiver.url, SECRET, timeout_s=0.3)
        assert deliver(outbox, target, 20, Clock()) == {"failed": 1}
        assert len(receiver.got) == 1
    errors = database.execute("select last_error from cali.webhook_outbox where last_error is not null").fetchall()
    assert errors == [("the webhook's receiver 127.0.0.1 did not answer (TimeoutError)",)]
    shown = caplog.text + repr(target) + str(errors)
    assert (PATH in shown, SECRET in shown) == (False, False)


@pytest.mark.integration
def test_nobody_at_the_address_is_trouble_as_well(
    database: psycopg.Connection, outbox: WebhookOutbox, free_port: Callable[[], int]
) -> None:
    """The event waits."""
    outbox.enqueue(uuid4(), BODY, NOON)
    assert deliver(outbox, Receiver(f"http://127.0.0.1:{free_port()}{PATH}", SECRET), 5, Clock()) == {"failed": 1}
    assert states(database) == [("pending", 1)]


@pytest.mark.integration
def test_two_senders_share_the_events_and_a_killed_one_is_overtaken(outbox: WebhookOutbox) -> None:
    """A claim lasts as long as its lease; who comes back after that changes nothing."""
    for number in range(2):
        outbox.enqueue(UUID(int=number), BODY, NOON)
    first, second = outbox.claim(NOON), outbox.claim(NOON)
    assert first
    assert second
    assert first.event_id != second.event_id
    assert outbox.claim(NOON + LEASE - SECOND) is None
    again = outbox.claim(NOON + LEASE)
    assert again == replace(first, attempts=2)
    assert not outbox.sent(first, NOON + LEASE)
    assert not outbox.failed(first, "late", NOON + LEASE)
    assert outbox.sent(again, NOON + LEASE)
    assert not outbox.sent(again, NOON + LEASE)


@pytest.mark.integration
def test_the_budget_is_kept(outbox: WebhookOutbox) -> None:
    """What is left waits for the next time."""
    clock = Clock()
    for _ in range(5):
        outbox.enqueue(uuid4(), BODY, NOON)

    def slow(*_: object) -> None:
        clock.now += 4 * SECOND

    assert deliver(outbox, Receiver("http://localhost/", SECRET), 10, clock, slow) == {"sent": 3}


def test_pauses_grow_up_to_an_hour() -> None:
    """From ten seconds on, doubled each time."""
    assert [pause(attempts).total_seconds() for attempts in (1, 2, 3, 9, 10, 60)] == [10, 20, 40, 2560, 3600, 3600]


@pytest.mark.parametrize("url", ["", "ftp://host/", "host/path", "file:///etc/passwd", "http:///path"])
def test_an_address_that_is_none_is_refused_without_showing_it(url: str) -> None:
    """And the message says where to set it."""
    with pytest.raises(ConfigurationError, match="set it as the Connection's host") as caught:
        Receiver(url, SECRET)
    assert not url or url not in str(caught.value)


def test_a_secret_that_proves_nothing_is_refused() -> None:
    """An empty or a short one."""
    with pytest.raises(ConfigurationError, match="fewer than 16 characters"):
        Receiver("https://host/path", "short")
