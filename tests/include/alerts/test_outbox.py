"""Claims about the back-off."""

from datetime import timedelta

from include.alerts.outbox import backoff
from include.alerts.settings import AlertSettings


def test_the_wait_doubles_up_to_its_ceiling() -> None:
    """Two seconds, four, eight, and never more than five minutes, however often it has failed."""
    seconds = [backoff(attempts, AlertSettings()) / timedelta(seconds=1) for attempts in (1, 2, 3, 8, 9, 10**6)]
    assert seconds == [2, 4, 8, 256, 300, 300]
