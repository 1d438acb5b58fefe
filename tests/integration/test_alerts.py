"""Claims about the whole alert road on real servers: one message, exact counts, whatever dies on the way."""

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from slack_sdk import WebClient

from include.adapters.slack import MessageReference, OutcomeUnknownError, SlackApiMessenger
from include.adapters.slack_memory import InMemoryMessenger
from include.alerts.dispatch import dispatch
from include.alerts.group import Shown
from include.alerts.grouping import group_events
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.errors import ConfigurationError
from include.records import utc_now
from tests.alert_events import NOON, event, increments

SETTINGS = AlertSettings()


def history(client: WebClient, channel: str = "cali-alerts") -> list[dict[str, Any]]:
    """Return a channel's messages, newest first."""
    channels = client.conversations_list()["channels"]
    channel_id = next(known["id"] for known in channels if known["name"] == channel)
    messages: list[dict[str, Any]] = client.conversations_history(channel=channel_id, limit=500)["messages"]
    return messages


@pytest.mark.integration
def test_ten_thousand_records_become_one_message_that_is_edited(migrated_uri: str, slack_client: WebClient) -> None:
    """Two batches of one fault on real Postgres and Slack: one message, with the whole count."""
    service = f"service-{uuid4().hex[:8]}"
    events = [event(f"disk {n} full", n, service=service) for n in range(10_000)]
    settings = AlertSettings(update_interval=timedelta(0))
    with psycopg.connect(migrated_uri) as connection:
        store, messenger = PostgresAlertStore(connection), SlackApiMessenger(slack_client)
        for batch in range(2):
            half = group_events(events[batch * 5_000 : (batch + 1) * 5_000])
            store.apply(f"b{batch}", half, utc_now(), "http://127.0.0.1/run", settings)
            report = dispatch(store, messenger, settings, budget_seconds=10)
            assert (report.sent, report.waiting) == (1, False)
    [message] = [message for message in history(slack_client) if service in message["text"]]
    assert ("10,000 times" in message["text"], "edited" in message) == (True, True)


@pytest.mark.integration
def test_a_post_that_timed_out_but_was_accepted_is_in_slack_once(migrated_uri: str, slack_client: WebClient) -> None:
    """On the real protocol: the answer is lost, the retry finds the message by its metadata and posts no second one."""

    class DeafOnce(SlackApiMessenger):
        deaf = True

        def post(self, *arguments: Any) -> MessageReference:
            reference = super().post(*arguments)
            if self.deaf:
                self.deaf = False
                raise OutcomeUnknownError("timed out")
            return reference

    service = f"service-{uuid4().hex[:8]}"
    settings = AlertSettings(backoff_first=timedelta(milliseconds=100), update_interval=timedelta(0))
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        store = PostgresAlertStore(connection)
        store.apply("b1", increments("x", service=service), utc_now(), None, settings)
        report = dispatch(store, DeafOnce(slack_client), settings, budget_seconds=10)
        assert (report.failed, report.waiting) == (0, False)
    assert len([message for message in history(slack_client) if service in message["text"]]) == 1


@pytest.mark.integration
def test_a_killed_apply_leaves_nothing_and_its_retry_counts_once(
    migrated_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between counts and outbox, or with the caller's transaction: no trace; the retry counts once."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        store = PostgresAlertStore(connection)
        with monkeypatch.context() as patch:
            patch.setattr(PostgresAlertStore, "_put", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                store.apply("b1", increments("x", "x"), NOON, None, SETTINGS)
        assert (store.groups(), store.messages()) == ([], [])
        with connection.transaction(force_rollback=True):
            assert store.apply("b1", increments("x", "x"), NOON, None, SETTINGS).applied is True
        assert (store.groups(), store.messages()) == ([], [])
        assert store.apply("b1", increments("x", "x"), NOON, None, SETTINGS).applied is True
        assert ([group.count for group in store.groups()], len(store.messages())) == ([2], 1)


@pytest.mark.integration
def test_a_claim_inside_another_transaction_is_refused(migrated_uri: str) -> None:
    """A claim that a caller could roll back would be no claim."""
    with psycopg.connect(migrated_uri) as connection:
        connection.execute("select 1")
        with pytest.raises(ConfigurationError, match="transaction of its own"):
            PostgresAlertStore(connection).claim(NOON, SETTINGS)


@pytest.mark.integration
def test_processes_share_counts_messages_and_pace(migrated_uri: str) -> None:
    """Four at once, each applying and dispatching: every count right, every message once, a channel's pace kept."""
    settings = AlertSettings(pace=timedelta(milliseconds=100), update_interval=timedelta(0))
    words = ["red", "blue", "green", "black", "white"]
    messenger = InMemoryMessenger(utc_now)
    errors: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            with psycopg.connect(migrated_uri, autocommit=True) as connection:
                store = PostgresAlertStore(connection)
                for batch in range(5):
                    order = words if (worker + batch) % 2 else words[::-1]
                    fresh = increments(*order, arrived_at=utc_now())
                    store.apply(f"b{batch}", fresh, utc_now(), None, settings)
                    store.apply(f"b{worker}-{batch}", fresh, utc_now(), None, settings)
                dispatch(store, messenger, settings, budget_seconds=20)
        except BaseException as error:  # noqa: BLE001 (told to the test below)
            errors.append(error)

    began = utc_now()
    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        groups = PostgresAlertStore(connection).groups()
    assert [(group.count, group.announced_count) for group in groups] == [(25, 25)] * 5
    assert len(messenger.messages) == 5
    sent = [at for at, _, _ in messenger.calls]
    assert (max(sent) - began) >= settings.pace * (len(sent) - 1)


def wait_for_lock(uri: str) -> None:
    """Return when some session of the database waits for a lock; fail when none does within ten seconds."""
    deadline = utc_now() + timedelta(seconds=10)
    with psycopg.connect(uri, autocommit=True) as observer:
        while utc_now() < deadline:
            waiting = observer.execute(
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            ).fetchone()
            if waiting and waiting[0]:
                return
    pytest.fail("nobody waits for a lock")


@pytest.mark.integration
def test_a_batch_and_an_answer_from_slack_never_wait_for_each_other(migrated_uri: str) -> None:
    """While a batch holds the group, the answer waits before it touches the outbox: no deadlock, no count lost."""
    with psycopg.connect(migrated_uri, autocommit=True) as one, psycopg.connect(migrated_uri, autocommit=True) as other:
        sender = PostgresAlertStore(one)
        sender.apply("b1", increments("x"), NOON, None, SETTINGS)
        message = sender.claim(NOON, SETTINGS)
        assert message is not None
        reference = MessageReference("C1", "1.0")
        answer = threading.Thread(target=sender.mark_sent, args=(message, reference, Shown(1, "new"), NOON, SETTINGS))

        class Interrupted(PostgresAlertStore):
            def _put(self, *arguments: Any) -> Any:
                answer.start()
                wait_for_lock(migrated_uri)
                return super()._put(*arguments)

        Interrupted(other).apply("b2", increments("x"), NOON, None, SETTINGS)
        answer.join()
        assert [(m.kind, m.state) for m in sender.messages()] == [("open", "sent"), ("update", "pending")]


@pytest.mark.integration
def test_a_claim_passes_over_what_another_process_is_claiming(migrated_uri: str) -> None:
    """A message whose row is locked is left to its process; the next one is taken without waiting."""
    with psycopg.connect(migrated_uri, autocommit=True) as one, psycopg.connect(migrated_uri, autocommit=True) as other:
        store = PostgresAlertStore(one)
        store.apply("b1", increments("x", "y"), NOON, None, SETTINGS)
        other.execute("set lock_timeout = '2s'")
        first, second = store.messages()
        with one.transaction():
            one.execute("select from cali.alert_outbox where id = %s for update", [first.id])
            claimed = PostgresAlertStore(other).claim(NOON, SETTINGS)
        assert claimed is not None
        assert claimed.id == second.id
