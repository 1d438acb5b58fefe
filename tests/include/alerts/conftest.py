"""What the alerts' tests share: events, a clock that moves only when told to, and a store with a messenger."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from include.adapters.slack_memory import InMemoryMessenger
from include.alerts.event import AlertEvent
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from tests import alert_events
from tests.alert_events import NOON


class ManualClock:
    """A clock for ``clock`` and ``wait``: waiting moves it on at once."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the instant at which the clock stands."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Move the clock on."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def noon() -> datetime:
    """An instant to count from."""
    return NOON


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at noon."""
    return ManualClock(NOON)


@pytest.fixture
def settings() -> AlertSettings:
    """The defaults."""
    return AlertSettings()


@pytest.fixture
def store() -> InMemoryAlertStore:
    """An empty store."""
    return InMemoryAlertStore()


@pytest.fixture
def messenger(clock: ManualClock) -> InMemoryMessenger:
    """A Slack with the two default channels."""
    return InMemoryMessenger(clock)


@pytest.fixture
def event() -> Callable[..., AlertEvent]:
    """Return a maker of events; every field has a default."""
    return alert_events.event
