"""Claims about sending: order, pace, failures, and once."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from include.adapters.slack import MessageReference, MessageRefusedError, OutcomeUnknownError, RateLimitedError, Reply
from include.adapters.slack_memory import InMemoryMessenger
from include.alerts.dispatch import DispatchReport, dispatch
from include.alerts.event import AlertEvent
from include.alerts.filtering import alertable_mask
from include.alerts.group import Shown
from include.alerts.grouping import group_events
from include.alerts.outbox import Delivery, Message, Notice
from include.alerts.routing import Route, Routing
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from include.errors import ConfigurationError, TransientError

MakeEvent = Callable[..., AlertEvent]
SECOND = timedelta(seconds=1)


class Road:
    """The road from events to Slack, on twins and a clock that moves only by waiting."""

    def __init__(self, store: InMemoryAlertStore, messenger: InMemoryMessenger, clock: Any) -> None:
        self.store = store
        self.messenger = messenger
        self.clock = clock
        self.settings = AlertSettings()
        self._batch = 0

    def take(self, *events: AlertEvent) -> None:
        """Apply the events as one more batch."""
        self._batch += 1
        self.store.apply(f"batch-{self._batch}", group_events(events), self.clock(), None, self.settings)

    def dispatch(self, budget: float = 5.0) -> DispatchReport:
        """Dispatch for ``budget`` seconds."""
        return dispatch(self.store, self.messenger, self.settings, budget, self.clock, self.clock.wait)

    def shown(self) -> list[str]:
        """Return the messages' texts, as a reader sees them."""
        return [message.text.partition(", 2026")[0] for message in self.messenger.messages]

    def states(self) -> list[Delivery]:
        """Return how far each message is."""
        return [message.state for message in self.store.messages()]


@pytest.fixture
def road(store: InMemoryAlertStore, messenger: InMemoryMessenger, clock: Any) -> Road:
    """An empty road."""
    return Road(store, messenger, clock)


def test_a_first_sighting_is_posted_and_more_of_it_edits_the_count(road: Road, event: MakeEvent) -> None:
    """One message a group: the second batch changes its count in place, ten seconds after the first."""
    road.take(event("disk 1 full"))
    assert road.dispatch() == DispatchReport(sent=1, deferred=0, failed=0, parked=0, waiting=False)
    road.take(event("disk 2 full"), event("disk 3 full"))
    assert road.dispatch().waiting is True
    assert road.shown() == ["ERROR payments: disk [num] full (once"]
    assert road.dispatch(budget=11).sent == 1
    assert road.shown() == ["ERROR payments: disk [num] full (3 times"]
    assert [message.edits for message in road.messenger.messages] == [1]


def test_a_dispatch_that_is_in_a_hurry_waits_for_what_is_new_and_not_for_updates(
    road: Road, event: MakeEvent, clock: Any
) -> None:
    """Two new groups are posted a second apart; the update that is due in ten seconds is left to a later dispatch."""
    road.take(event("disk 1 full"))
    road.dispatch()
    before = clock.now
    road.take(event("disk 2 full"), event("host db is gone"), event("queue is full"))
    report = dispatch(
        road.store, road.messenger, road.settings, 60, road.clock, road.clock.wait, wait_for_updates=False
    )
    assert (report.sent, report.waiting) == (2, True)
    assert (clock.now - before).total_seconds() <= 2


def test_a_message_shows_what_was_counted_until_it_is_sent(road: Road, event: MakeEvent) -> None:
    """Batches that come before the first post make no update: the text is written when it is sent."""
    for number in range(50):
        road.take(event(f"disk {number} full"))
    road.dispatch(budget=60)
    assert (road.shown(), len(road.messenger.calls)) == (["ERROR payments: disk [num] full (50 times"], 1)


def test_a_backlog_of_one_kind_is_one_message(road: Road, event: MakeEvent, noon: datetime) -> None:
    """The flood after an outage: ten thousand old errors give one message with their count and time span."""
    old = [event(f"disk {n} full", occurred_at=noon - timedelta(seconds=n), number=n) for n in range(10_000)]
    for start in range(0, len(old), 500):
        road.take(*old[start : start + 500])
    road.dispatch(budget=60)
    [message] = road.messenger.messages
    assert message.text == (
        "ERROR payments: disk [num] full (10,000 times, 2026-03-01 09:13:21 UTC to 2026-03-01 12:00:00 UTC)"
    )


def test_a_count_that_moves_while_it_is_sent_is_told_afterwards(road: Road, event: MakeEvent) -> None:
    """Records that arrive between the rendering and Slack's answer are in the next update, never lost."""
    road.take(event("disk 1 full"))
    claimed = road.store.claim(road.clock(), road.settings)
    assert claimed is not None
    reference = road.messenger.post(claimed.channel, "x", [], claimed.message_key)
    road.take(event("disk 2 full"))
    road.store.mark_sent(claimed, reference, Shown(1, "new"), road.clock(), road.settings)
    road.dispatch(budget=15)
    assert road.shown() == ["ERROR payments: disk [num] full (2 times"]


def test_messages_go_by_kind_urgency_and_age(road: Road, event: MakeEvent) -> None:
    """First posts before updates, FATAL and ERROR before WARN, old before new."""
    road.take(event("known"))
    road.dispatch()
    road.clock.wait(60)
    road.take(event("known"), event("late warning", severity="WARN"), event("first"), event("worst", severity="FATAL"))
    road.take(event("second"))
    road.dispatch(budget=30)
    called = [call for _, call, _ in road.messenger.calls]
    posted = [message.text.split(" (")[0].split(": ")[1] for message in road.messenger.messages]
    assert (posted, called[-1]) == (["known", "worst", "first", "second", "late warning"], "update")


def test_a_channel_gets_one_message_a_second(road: Road, event: MakeEvent) -> None:
    """Twenty groups take nineteen seconds of waiting; another channel has its own pace."""
    words = "abcdefghijklmnopqrst"
    road.take(*[event(f"broken {word}") for word in words])
    road.store.enqueue(Notice("n", "cali-quality", "WARN", Message("hello", [])), road.clock())
    began = road.clock()
    assert road.dispatch(budget=60).sent == 21
    times = {name: [at - began for at, _, channel in road.messenger.calls if channel == name]
             for name in ("cali-alerts", "cali-quality")}  # fmt: skip
    assert times == {"cali-alerts": [n * SECOND for n in range(20)], "cali-quality": [0 * SECOND]}


def test_the_budget_ends_the_run_and_the_rest_stays(road: Road, event: MakeEvent) -> None:
    """What does not fit the budget is sent by the next dispatch."""
    road.take(*[event(f"broken {word}") for word in "abcdefgh"])
    first = road.dispatch(budget=3)
    assert (first.sent, first.waiting) == (3, True)
    assert road.dispatch(budget=30).sent == 5


def test_a_rate_limit_is_obeyed_for_the_whole_channel(road: Road, event: MakeEvent) -> None:
    """Retry-After holds every message of the channel, also for other processes; it is no failure."""
    road.take(event("one"), event("two"))
    road.messenger.faults.append(RateLimitedError("slow down", timedelta(seconds=30)))
    began = road.clock()
    report = road.dispatch(budget=10)
    assert (report.sent, report.deferred, report.failed) == (0, 1, 0)
    report.raise_for_failures()
    assert road.dispatch(budget=60).sent == 2
    assert [at - began for at, _, _ in road.messenger.calls] == [0 * SECOND, 30 * SECOND, 31 * SECOND]


def test_slacks_trouble_never_makes_an_alert(road: Road, event: MakeEvent, caplog: pytest.LogCaptureFixture) -> None:
    """Every line that a dispatch logs of a 429, an outage and a refusal, read back from the stream, alerts nobody."""
    faults = (RateLimitedError("slow", SECOND), TransientError("away"), MessageRefusedError("invalid_blocks"))
    road.messenger.faults.extend(faults)
    road.take(event("one"))
    with caplog.at_level(logging.DEBUG):
        road.dispatch(budget=60)
    columns = {
        "level": [record.levelname for record in caplog.records],
        "service": ["cali"] * len(caplog.records),
        "message": [record.getMessage() for record in caplog.records],
    }
    assert len(caplog.records) >= len(faults)
    assert max(record.levelno for record in caplog.records) < logging.ERROR
    table = pa.table(columns | {"log_content": columns["message"]})
    assert alertable_mask(table, road.settings.rules).to_pylist() == [False] * len(caplog.records)


def test_a_server_that_is_away_fails_the_task_and_keeps_the_message(road: Road, event: MakeEvent) -> None:
    """Back-off inside the budget, then a clear transient error; the next dispatch delivers."""
    road.take(event("one"))
    road.messenger.faults.extend(TransientError("connection refused") for _ in range(3))
    report = road.dispatch(budget=5)
    assert (report.sent, report.failed, report.errors) == (0, 1, ("connection refused",))
    with pytest.raises(TransientError, match="1 alert messages wait in the outbox for Slack: connection refused"):
        report.raise_for_failures()
    assert road.states() == [Delivery.PENDING]
    assert road.dispatch(budget=20).sent == 1
    assert len(road.messenger.messages) == 1


def test_a_failure_that_a_retry_mends_is_no_failure(road: Road, event: MakeEvent) -> None:
    """The report tells of the last attempt of each message."""
    road.take(event("one"))
    road.messenger.faults.append(TransientError("503"))
    report = road.dispatch(budget=10)
    assert (report.sent, report.failed) == (1, 0)
    report.raise_for_failures()


def test_a_post_that_timed_out_but_was_accepted_appears_once(road: Road, event: MakeEvent) -> None:
    """Before the retry the channel is searched; the message found there is adopted and edited, not posted again."""
    road.take(event("disk 1 full"))
    road.messenger.faults.append(OutcomeUnknownError("timed out"))
    road.dispatch(budget=1)
    road.take(event("disk 2 full"))
    road.dispatch(budget=30)
    assert road.shown() == ["ERROR payments: disk [num] full (2 times"]
    assert [call for _, call, _ in road.messenger.calls] == ["post", "find", "update"]


def test_a_post_that_was_lost_on_the_way_is_sent_again(road: Road, event: MakeEvent) -> None:
    """The search finds nothing, so the retry posts."""
    road.take(event("one"))
    road.messenger.lost.append(OutcomeUnknownError("timed out"))
    assert road.dispatch(budget=10).sent == 1
    assert [call for _, call, _ in road.messenger.calls] == ["post", "find", "post"]


def test_a_search_that_fails_leaves_the_doubt(road: Road, event: MakeEvent) -> None:
    """As long as nobody could look, nothing is posted a second time."""
    road.take(event("one"))
    road.messenger.faults.append(OutcomeUnknownError("timed out"))
    road.messenger.find_faults.extend([TransientError("refused"), RateLimitedError("slow", SECOND)])
    assert road.dispatch(budget=60).sent == 2
    assert [call for _, call, _ in road.messenger.calls] == ["post", "find", "find", "find", "update"]
    assert len(road.messenger.messages) == 1


def test_a_sender_that_died_is_followed_by_one_that_looks_first(road: Road, event: MakeEvent) -> None:
    """Killed after Slack took the message and before the commit: after the lease it is found, not repeated."""
    road.take(event("one"))
    claimed = road.store.claim(road.clock(), road.settings)
    assert claimed is not None
    road.messenger.post(claimed.channel, "ERROR payments: one (once, …", [], claimed.message_key)
    assert road.dispatch(budget=30).sent == 0
    road.clock.wait(90)
    assert road.dispatch(budget=30).sent == 2
    assert len(road.messenger.messages) == 1


def test_a_refusal_parks_the_message_until_the_cause_is_mended(road: Road, event: MakeEvent) -> None:
    """An unknown channel is no reason to retry: it is said clearly, the rest goes on, and revive brings it back."""
    road.settings = AlertSettings(alert_channel="cali-typo")
    road.take(event("one"))
    report = road.dispatch()
    with pytest.raises(ConfigurationError, match=r"1 alert messages are parked .*channel_not_found"):
        report.raise_for_failures()
    assert road.states() == [Delivery.PARKED]
    assert road.dispatch(budget=600).sent == 0
    road.messenger._channels = ("cali-typo",)
    assert road.store.revive(road.clock()) == 1
    assert road.dispatch().sent == 1


def test_what_is_refused_for_good_is_told_in_the_fallback_channel(road: Road, event: MakeEvent) -> None:
    """With why, once; the message itself waits, and goes where it belongs when the cause is mended."""
    road.settings = AlertSettings(alert_channel="cali-typo", fallback_channel="cali-quality")
    road.take(event("one"))
    assert road.dispatch(budget=10).parked == 1
    [told] = road.messenger.messages
    assert told.channel == "cali-quality"
    assert told.text.startswith(
        "⚠️ This belongs into cali-typo: Slack channel cali-typo refused: channel_not_found. It waits there until the "
        "cause is mended and it is revived. ERROR payments: one (once"
    )
    road.messenger._channels = ("cali-typo", "cali-quality")
    road.store.revive(road.clock())
    road.dispatch(budget=10)
    assert [message.channel for message in road.messenger.messages] == ["cali-quality", "cali-typo"]


def test_a_fallback_channel_that_is_gone_as_well_is_no_circle(road: Road, event: MakeEvent) -> None:
    """With the token revoked nothing goes anywhere: both messages are parked, and the error says so."""
    road.settings = AlertSettings(fallback_channel="cali-quality")
    road.messenger.faults.extend(ConfigurationError("token_revoked") for _ in range(9))
    road.take(event("one"))
    report = road.dispatch(budget=30)
    assert (report.parked, report.errors, road.states()) == (2, ("token_revoked",), [Delivery.PARKED] * 2)


def test_records_are_told_where_their_route_leads(road: Road, event: MakeEvent) -> None:
    """One batch, two channels, by level."""
    road.settings = AlertSettings(routing=Routing((Route(channel="cali-quality", level="FATAL"),)))
    road.take(event("one"), event("two", severity="FATAL"))
    road.dispatch()
    assert sorted(message.channel for message in road.messenger.messages) == ["cali-alerts", "cali-quality"]


def test_one_bad_message_does_not_block_the_others(road: Road, event: MakeEvent) -> None:
    """A message that Slack refuses is parked, the next one is sent."""
    road.take(event("one"), event("two"))
    road.messenger.faults.append(MessageRefusedError("invalid_blocks"))
    report = road.dispatch()
    assert (report.sent, report.parked, report.errors) == (1, 1, ("invalid_blocks",))


def test_a_message_that_was_deleted_is_posted_anew(road: Road, event: MakeEvent) -> None:
    """Somebody removed it while the trouble goes on: the next update is a new message, also after a lost answer."""
    road.take(event("disk 1 full"))
    road.dispatch()
    road.messenger.messages[0].ts = "gone"
    road.take(event("disk 2 full"))
    road.messenger.faults.append(OutcomeUnknownError("timed out"))
    road.dispatch(budget=60)
    assert road.shown() == [
        "ERROR payments: disk [num] full (once",
        "ERROR payments: disk [num] full (2 times",
    ]
    [group] = road.store.groups()
    assert (group.slack_ts, group.announced_count) == (road.messenger.messages[1].ts, 2)


def test_a_doubtful_update_is_simply_repeated(road: Road, event: MakeEvent) -> None:
    """An edit that is done twice is the same as once, so nothing is looked for."""
    road.take(event("disk 1 full"))
    road.dispatch()
    road.take(event("disk 2 full"))
    road.messenger.faults.append(OutcomeUnknownError("timed out"))
    road.dispatch(budget=60)
    assert [call for _, call, _ in road.messenger.calls] == ["post", "update", "update"]


def test_who_lost_the_lease_changes_nothing(road: Road, event: MakeEvent) -> None:
    """A sender that took longer than its lease finds the message in other hands and walks away."""
    road.take(event("one"))
    post = road.messenger.post

    def slow_post(*arguments: Any) -> Any:
        road.messenger.post = post  # type: ignore[method-assign]
        reference = post(*arguments)
        road.clock.wait(100)
        road.store.claim(road.clock(), road.settings)
        return reference

    road.messenger.post = slow_post  # type: ignore[method-assign]
    assert road.dispatch(budget=1) == DispatchReport(sent=0, deferred=1, failed=0, parked=0, waiting=True)
    assert road.states() == [Delivery.SENDING]


def test_a_life_is_told_in_one_message_and_its_thread(road: Road, event: MakeEvent) -> None:
    """Resolved: an edit and a reply. Back: an edit and a reply that the channel sees too."""
    road.take(event("one", attributes={"version": "1.4"}))
    road.dispatch()
    road.clock.wait(1800)
    assert road.store.settle(road.clock(), road.settings) == 1
    road.dispatch(budget=20)
    assert road.shown() == [
        "Resolved: ERROR payments: one (once",
        "Resolved: nothing new for 30 min (1 in all): ✅ ERROR payments: one",
    ]
    back = road.clock()
    road.take(event("one", attributes={"version": "1.5"}, occurred_at=back, arrived_at=back))
    road.dispatch(budget=20)
    first, resolved, returned = road.messenger.messages
    assert first.text.startswith("Back: ERROR payments: one (2 times")
    assert returned.text.startswith("Back: after 30 min 3 s, since version 1.5 (before: 1.4) (2 in all)")
    thread = MessageReference(first.channel, first.ts)
    assert (first.reply, resolved.reply, returned.reply) == (None, Reply(thread), Reply(thread, broadcast=True))


def test_replies_of_a_thread_come_in_their_order(road: Road, event: MakeEvent) -> None:
    """A reply that failed holds up those behind it, and nothing else."""
    road.take(event("one"))
    road.dispatch()
    for _ in range(2):
        road.clock.wait(1800)
        road.store.settle(road.clock(), road.settings)
        road.take(event("one"))
    # The edit goes last, the first reply first.
    road.messenger.faults.append(TransientError("refused"))
    road.dispatch(budget=60)
    said = [message.text.partition(":")[0] for message in road.messenger.messages if message.reply]
    assert said == ["Resolved", "Back", "Resolved", "Back"]


def test_a_long_trace_goes_into_the_thread(road: Road, event: MakeEvent) -> None:
    """The message has room for eight lines; the rest follows as a reply that nobody is notified of."""
    road.take(event("\n".join(["boom", *[f"line {n}" for n in range(20)]])))
    road.dispatch(budget=20)
    first, details = road.messenger.messages
    assert details.reply == Reply(MessageReference(first.channel, first.ts))
    assert "line 19" in str(details.blocks)


def test_an_empty_outbox_costs_no_wait(road: Road) -> None:
    """Nothing to send ends at once."""
    began = road.clock()
    assert road.dispatch() == DispatchReport(sent=0, deferred=0, failed=0, parked=0, waiting=False)
    assert road.clock() == began
