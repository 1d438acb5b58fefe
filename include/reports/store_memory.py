"""What a daily report asks of the database, in memory: the twin of ``store`` for tests."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date

from include.reports.day import Day
from include.reports.values import Facts, LogCount, Readiness, Reading, SavedReport


@dataclass
class InMemoryReportStore:
    """A ``ReportStore`` that knows of a day what it is given."""

    zone: str | None = None
    ready: Readiness = field(default_factory=lambda: Readiness(None, 0))
    objects: Reading = field(default_factory=lambda: Reading((), 0, 0))
    known: Facts = field(default_factory=Facts)
    _reports: dict[date, tuple[SavedReport, list[LogCount]]] = field(default_factory=dict)

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context; here nothing is rolled back."""
        return nullcontext()

    def time_zone(self, pipeline: str) -> str | None:  # noqa: ARG002
        """Return the given zone."""
        return self.zone

    def readiness(self, stream: str, day: Day) -> Readiness:  # noqa: ARG002
        """Return the given readiness."""
        return self.ready

    def reading(self, stream: str, day: Day) -> Reading:  # noqa: ARG002
        """Return the given objects."""
        return self.objects

    def facts(self, day: Day) -> Facts:  # noqa: ARG002
        """Return the given facts."""
        return self.known

    def saved(self, of: date) -> SavedReport | None:
        """Return a date's report."""
        return self._reports[of][0] if of in self._reports else None

    def save(self, report: SavedReport, logs: Sequence[LogCount]) -> None:
        """Write a date's report and its counts in place of what was there."""
        self._reports[report.day] = report, sorted(logs, key=lambda count: (count.service, count.level))

    def logs(self, of: date) -> Sequence[LogCount]:
        """Return a date's counts by service and level."""
        return self._reports[of][1] if of in self._reports else []
