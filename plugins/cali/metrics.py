"""What tasks tell StatsD or OpenTelemetry, through Airflow's own client: `[metrics] statsd_on`, `otel_on` decide.

With metrics off nothing is computed. A metric that cannot be sent costs a warning and never a task. All names, units
and tags are in docs/metrics.md.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

if TYPE_CHECKING:
    from include.drain.drain import DrainReport
    from include.process.work import StageReport

log = logging.getLogger(__name__)
SWITCHES = ("statsd_on", "otel_on", "statsd_datadog_enabled")
UNITS: Mapping[str, str] = {
    "valid": "records",
    "dead_lettered": "records",
    "alertable": "records",
    "filtered": "records",
    "published": "batches",
    "quarantined": "batches",
}
"""Which unit a stage's count has; counts that are not here are told by another stage already."""


def drained(stream: str, report: "DrainReport", seconds: float) -> None:
    """Tell of a drain: how far each shard is behind, what was read and what was lost."""
    if not _is_on():
        return
    for shard, behind_s in report.behind.items():
        _send(stats.gauge, "cali.shard.lag_seconds", behind_s, stream=stream, shard=shard)
        _send(stats.gauge, "cali.shard.lag_records", report.records_behind(shard), stream=stream, shard=shard)
    for batch in report.batches:
        _send(stats.gauge, "cali.batch.records", batch.records, stream=stream, shard=batch.shard_id)
        _send(stats.gauge, "cali.batch.bytes", batch.bytes, stream=stream, shard=batch.shard_id)
        _send(stats.incr, "cali.batches.drained", 1, stream=stream)
        _send(stats.incr, "cali.records.drained", batch.records, stream=stream)
        _send(stats.incr, "cali.bytes.drained", batch.bytes, stream=stream)
    for gap in report.gaps:
        _send(stats.incr, "cali.gaps", 1, stream=stream, reason=gap.reason)
    if report.batches:
        _send(stats.timing, "cali.stage.duration", seconds * 1000, stream=stream, stage="drain")


def worked(stream: str, stage: str, work: "Callable[[], StageReport]") -> "StageReport":
    """Do a stage's work and tell of it: how long it took, what became of the records, and why some were refused."""
    began = time.perf_counter()
    report = work()
    if report.batches and _is_on():
        milliseconds = (time.perf_counter() - began) * 1000
        _send(stats.timing, "cali.stage.duration", milliseconds, stream=stream, stage=stage)
        for name, count in report.counts.items():
            if name in UNITS:
                _send(stats.incr, f"cali.{UNITS[name]}.{name}", count, stream=stream)
        for reason, count in report.dead_letters.items():
            _send(stats.incr, "cali.dead_letters", count, stream=stream, reason=reason)
    return report


def count(name: str, value: int, **tags: str) -> None:
    """Add to a counter; nothing is nothing to tell."""
    if value and _is_on():
        _send(stats.incr, name, value, **tags)


def _send(tell: "Callable[..., None]", name: str, value: float, **tags: str) -> None:
    try:
        if _has_tags():
            tell(name, value, tags=tags)
        else:
            tell(".".join([name, *map(_part, tags.values())]), value)
    except Exception as error:  # noqa: BLE001 - whatever a metric's client meets, the work is done and must count as done
        log.warning("metric not sent name=%s error=%s", name, error)


def _part(value: str) -> str:
    return stats.normalize_name_for_stats(value, log_warning=False).replace(".", "_")


def _is_on() -> bool:
    return any(conf.getboolean("metrics", switch, fallback=False) for switch in SWITCHES)


def _has_tags() -> bool:
    """Tell whether the backend takes tags; plain StatsD does not, so its names carry them."""
    plain = conf.getboolean("metrics", "statsd_on", fallback=False)
    datadog = conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False)
    return datadog or not plain or conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False)
