"""Every choice that a user has about alerts, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from include.alerts.event import Category
from include.alerts.filtering import FilterRules
from include.alerts.rates import RateRules
from include.alerts.routing import Links, Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """How alerts are filtered, told and paced.

    ``channels`` are those of streams that tell in one of their own what is not about quality.
    What Slack refuses for good is told in ``fallback_channel``, where there is one.
    ``update_interval`` is the least time between two edits of a group's message; ``repeat_interval`` takes its place
    where a message cannot be edited (webhooks) and every update is a new message. A group that nothing was added to
    for ``quiet_after`` is resolved; one that was opened, or came back, ``young_for`` ago is ongoing; ``rates`` say when
    one escalates. ``pace`` is the least time between two messages to one channel, ``update_pace`` that between any
    message and an edit behind it: edits of many groups must not make what is new wait. ``lease`` is how long a sender
    may take over one message before another looks after it: more than the messenger's time-out.
    More than ``storm_groups`` that open in a channel within ``storm_window``, or more than ``backlog_groups`` whose
    records waited in the stream for longer than ``backlog_after``, are told together.
    Transient failures are repeated after ``backoff_first``, doubled each time up to ``backoff_ceiling``.
    """

    alert_channel: str = "cali-alerts"
    quality_channel: str = "cali-quality"
    routing: Routing = field(default_factory=Routing)
    fallback_channel: str | None = None
    links: Links = field(default_factory=Links)
    rules: FilterRules = field(default_factory=FilterRules)
    update_interval: timedelta = timedelta(seconds=10)
    repeat_interval: timedelta = timedelta(hours=1)
    quiet_after: timedelta = timedelta(minutes=30)
    young_for: timedelta = timedelta(minutes=5)
    storm_groups: int = 20
    storm_window: timedelta = timedelta(minutes=1)
    backlog_groups: int = 3
    backlog_after: timedelta = timedelta(minutes=15)
    rates: RateRules = field(default_factory=RateRules)
    channels: Mapping[str, str] = field(default_factory=dict)
    pace: timedelta = timedelta(seconds=1)
    update_pace: timedelta = timedelta(seconds=3)
    lease: timedelta = timedelta(seconds=90)
    backoff_first: timedelta = timedelta(seconds=2)
    backoff_ceiling: timedelta = timedelta(minutes=5)

    def channel_for(self, category: Category, stream: str, service: str, level: str) -> str:
        """Return the channel that a group is told in; routes are for records, and go before a stream's own channel."""
        if category is Category.QUALITY:
            return self.quality_channel
        own = self.channels.get(stream, self.alert_channel)
        return self.routing.channel(service, level, own) if category is Category.RECORD else own

    def linked_to(self, airflow_url: str) -> "AlertSettings":
        """Return these settings with CALI's own page inside Airflow for whatever links are not set."""
        page = f"{airflow_url.rstrip('/')}/cali/batches/{{batch_id}}"
        record = f"{page}?record={{sequence_number}}&sub={{sub_sequence}}"
        return replace(self, links=Links(self.links.batch or page, self.links.record or record))
