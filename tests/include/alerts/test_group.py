"""Claims about the decision what to tell of a group."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from include.alerts.event import Category
from include.alerts.group import Action, AlertGroup, Decision, State, decide, is_quiet
from include.alerts.settings import AlertSettings


@pytest.fixture
def group(noon: datetime) -> AlertGroup:
    """A group of five records, all of them told of at noon."""
    return AlertGroup(
        id=1, stream="logs", category=Category.RECORD, fingerprint="f" * 32, fingerprint_version=1,
        severity="ERROR", service="payments", title="t", state=State.OPEN, count=5, batches=1, first_seen=noon,
        last_seen=noon, opened_at=noon, updated_at=noon, closed_at=None, services=("payments",), pods=(),
        versions=(), sample="s", batch_id="b", run_url=None, channel="cali-alerts", slack_channel="C1",
        slack_ts="1.0", announced_count=5, announced_at=noon, latest_shard_id="s", latest_sequence_number="1",
        latest_sub_sequence=0, latest_arrived_at=noon,
    )  # fmt: skip


def test_a_group_that_nobody_was_told_of_is_posted_at_once(
    group: AlertGroup, noon: datetime, settings: AlertSettings
) -> None:
    """The first sighting waits for nothing."""
    new = replace(group, announced_at=None, announced_count=0, slack_ts=None)
    assert decide(new, noon, settings) == Decision(Action.OPEN, "first_sighting", noon)


def test_a_count_that_is_told_needs_no_message(group: AlertGroup, noon: datetime, settings: AlertSettings) -> None:
    """Nothing new, nothing to say."""
    assert decide(group, noon, settings) == Decision(Action.NOTHING, "nothing_new", noon)


def test_more_of_the_same_waits_for_the_interval(group: AlertGroup, noon: datetime, settings: AlertSettings) -> None:
    """An update is due ten seconds after the last, or now when that has passed."""
    more = replace(group, count=6)
    due = noon + timedelta(seconds=10)
    early = decide(more, noon + timedelta(seconds=3), settings)
    assert early == Decision(Action.UPDATE, "within_interval", due)
    assert decide(more, due, settings) == Decision(Action.UPDATE, "interval_passed", due)


def test_a_message_that_cannot_be_edited_is_repeated_rarely(
    group: AlertGroup, noon: datetime, settings: AlertSettings
) -> None:
    """Behind a webhook every update is a new message, so there is one an hour."""
    more = replace(group, count=6, slack_ts=None)
    assert decide(more, noon, settings).due_at == noon + timedelta(hours=1)


def test_a_group_is_quiet_after_half_an_hour_without_a_batch(
    group: AlertGroup, noon: datetime, settings: AlertSettings
) -> None:
    """Quiet counts from the last batch that added to the group, to the second."""
    quiet_at = noon + timedelta(minutes=30)
    answers = [is_quiet(group, at, settings) for at in (quiet_at - timedelta(seconds=1), quiet_at)]
    assert answers == [False, True]
