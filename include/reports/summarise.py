"""Summarise a day: count what the ledger names, store the report, and make it known in one transaction."""

import hashlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.adapters.object_store import ObjectStore
from include.alerts.contract import AlertStore
from include.alerts.outbox import Notice
from include.errors import ConfigurationError, TransientError
from include.keys import daily_report_key
from include.parquet import to_parquet
from include.records import Clock
from include.reports.day import Day, yesterday
from include.reports.digest import digest
from include.reports.page import page
from include.reports.store import ReportStore
from include.reports.tally import COLUMNS, tally, to_table
from include.reports.values import DailyReport, SavedReport
from include.sla.contract import Completion, Recorder

log = logging.getLogger(__name__)
PIPELINE = "daily_aggregation"
"""The name under which a summary completes, and whose daily service level says which zone's days are summarised."""
STREAM = "logs"
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a summary reads and writes; ``store``, ``recorder`` and ``alerts`` are of one connection."""

    store: ReportStore
    objects: ObjectStore
    recorder: Recorder
    alerts: AlertStore
    channel: str
    clock: Clock


def time_zone(store: ReportStore, pipeline: str = PIPELINE) -> str:
    """Return whose days are summarised: the service level's, or UTC without one."""
    return store.time_zone(pipeline) or "UTC"


def summarise(desk: Desk, day: Day, run_id: str) -> SavedReport:
    """Write a day's report; the same day again replaces it.

    The report, the completion of ``daily_aggregation`` and the message for Slack become visible in one transaction. The
    completion covers the day and happens now: a day that is summarised later was late, and no other one gets fresher.
    Slack is told of yesterday alone, once.

    Raises:
        ConfigurationError: the day is not over, or events of it are not held any more.
        TransientError: some of the day's events are not drained or not processed yet, or a server was away.
    """
    check_that_it_is_complete(desk.store, STREAM, day, desk.clock())
    keys = _keys_to_read(desk, day)
    report = DailyReport(day, tally(day, _tables(desk.objects, keys)), desk.store.facts(day))
    parquet_key = _put(desk, day, to_parquet(to_table(day, report.logs)), "parquet")
    html_key = _put(desk, day, page(report), "html")
    saved = SavedReport(
        day=day.date,
        time_zone=day.time_zone,
        from_at=day.start,
        to_at=day.end,
        records=report.records,
        parquet_key=parquet_key,
        html_key=html_key,
        run_id=run_id,
        written_at=desk.clock(),
    )
    before = _make_known(desk, report, saved)
    stale = {before.parquet_key, before.html_key} - {parquet_key, html_key} if before else ()
    desk.objects.delete_all(sorted(stale))
    log.info("summarised day=%s records=%d objects=%d", day.date, saved.records, len(keys))
    return saved


def check_that_it_is_complete(store: ReportStore, stream: str, day: Day, now: datetime) -> None:
    """Check that everything that arrived at a stream on a day is drained and has been through every stage.

    Raises:
        ConfigurationError: the day is not over.
        TransientError: some of it is not drained, or not processed yet.
    """
    if day.end > now:
        raise ConfigurationError(f"{day.date} is not over in {day.time_zone}: choose an earlier date")
    ready = store.readiness(stream, day)
    if ready.drained_until is None or ready.drained_until < day.end or ready.unfinished:
        until = ready.drained_until.isoformat() if ready.drained_until else "nowhere"
        raise TransientError(
            f"{day.date} is not complete: {stream} is drained up to {until}, and {ready.unfinished} of the day's "
            "batches wait for a stage; a later try will find it complete, or look at the DAGs "
            f"{stream}_drain and {stream}_process"
        )


def _keys_to_read(desk: Desk, day: Day) -> Sequence[str]:
    reading = desk.store.reading(STREAM, day)
    if reading.held != reading.published:
        raise ConfigurationError(
            f"{day.date} cannot be counted: of {reading.published} events in its hours {reading.held} are still held, "
            "the others are past their retention; the report that there is stays"
        )
    return reading.keys


def _tables(objects: ObjectStore, keys: Sequence[str]) -> Iterator[pa.Table]:
    """Yield what is counted, some rows at a time; memory holds those, and a row group that is being read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clean.parquet"
        for key in keys:
            objects.get_file(key, path)
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_AT_ONCE, columns=COLUMNS):
                    yield pa.Table.from_batches([batch])


def _put(desk: Desk, day: Day, data: bytes, kind: str) -> str:
    """Store a report under a key of its content: who reads the one that a row names never finds another."""
    key = daily_report_key(day.date, hashlib.sha256(data).hexdigest()[:12], kind)
    desk.objects.put(key, data, "text/html; charset=utf-8" if kind == "html" else "application/vnd.apache.parquet")
    return key


def _make_known(desk: Desk, report: DailyReport, saved: SavedReport) -> SavedReport | None:
    """Write rows, completion and message; return the report that was there before."""
    with desk.store.transaction():
        before = desk.store.saved(saved.day)
        if before and before.records > saved.records and before.time_zone == saved.time_zone:
            raise ConfigurationError(
                f"{saved.day} had {before.records} events when it was last summarised and has {saved.records} now: "
                "the others are past their retention; the report that there is stays"
            )
        desk.store.save(saved, report.logs)
        desk.recorder.log(Completion(PIPELINE, saved.run_id, saved.written_at, report.day.end, report.day.start))
        if before is None and report.day == yesterday(saved.written_at, report.day.time_zone):
            notice = Notice(f"daily-summary:{saved.day}", desk.channel, "INFO", digest(report, saved.html_key))
            desk.alerts.enqueue(notice, saved.written_at)
    return before


def chosen_day(store: ReportStore, date: str | None, run_after: datetime, pipeline: str = PIPELINE) -> Day:
    """Return the day that a run is about: the date that was asked for, or the last one that was over when it was due.

    Raises:
        ConfigurationError: it is no date (YYYY-MM-DD), or the zone is not known.
    """
    zone = time_zone(store, pipeline)
    if date is None:
        return yesterday(run_after, zone)
    try:
        return Day(datetime.strptime(date, "%Y-%m-%d").date(), zone)  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise ConfigurationError(f"date={date!r} is not allowed: give a date such as 2026-03-29") from error
