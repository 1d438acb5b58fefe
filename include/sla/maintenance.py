"""Announce maintenance: within it, a miss is excused and nobody is told."""

from datetime import datetime

from include.errors import ConfigurationError
from include.sla.contract import Maintenance, Recorder


def announce(
    recorder: Recorder,
    pipeline_name: str | None,
    span: tuple[datetime, datetime],
    reason: str,
    by: str,
    now: datetime,
) -> Maintenance:
    """Write a span of maintenance down, of a pipeline or (None) of all.

    What was judged before stays judged; ``include.sla.rebuild`` excuses what was missed before it was announced.

    Raises:
        ConfigurationError: it ends before it begins, or nothing was ever promised of the pipeline.
        TransientError: Postgres was away; nothing was written.
    """
    begin, end = span
    if end <= begin:
        raise ConfigurationError(f"to={end.isoformat()} is not later than from={begin.isoformat()}")
    names = {versions[-1].pipeline_name for versions in recorder.definitions().values()}
    if pipeline_name is not None and pipeline_name not in names:
        raise ConfigurationError(
            f"pipeline_name={pipeline_name!r} has no service level; there are: {', '.join(sorted(names))}"
        )
    announced = Maintenance(begin, end, reason, by, pipeline_name)
    recorder.announce(announced, now)
    return announced
