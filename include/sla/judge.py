"""Judge what is due: every window since the last one that has a verdict, however long nobody looked."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from include.errors import ConfigurationError
from include.sla.contract import DefinitionVersion, Maintenance, Recorder
from include.sla.verdict import excuse, judge_window
from include.sla.windows import switched_off, windows

log = logging.getLogger(__name__)
MOST_WINDOWS = 2_000
"""Windows of a definition that are judged at a time: a few seconds' work, and a realtime week in a few times."""


@dataclass(slots=True)
class JudgeReport:
    """Windows that got a verdict, by verdict; misses that turned out completed; whether more is due."""

    verdicts: Counter[str] = field(default_factory=Counter)
    corrected: int = 0
    more: bool = False


def judge(recorder: Recorder, now: datetime, most: int = MOST_WINDOWS) -> JudgeReport:
    """Give a verdict to up to ``most`` due windows of each definition, oldest first, and correct misses.

    Each verdict is committed on its own, so a judge that is killed goes on where it was, and two judges at once write
    nothing twice. A missed window that was completed since becomes late; the old verdict is kept.

    Raises:
        ConfigurationError: a definition's time zone is not known; the others are judged.
        TransientError: Postgres was away; what was judged stays.
    """
    report = JudgeReport()
    known_since, maintenance = recorder.known_since(now), recorder.maintenance()
    errors: list[ConfigurationError] = []
    for versions in recorder.definitions().values():
        try:
            _judge(recorder, versions, now, known_since, maintenance, most, report)
        except ConfigurationError as error:
            log.warning("definition left out definition=%d error=%s", versions[0].definition_id, error)
            errors.append(error)
    _correct(recorder, now, known_since, maintenance, most, report)
    log.info("judged verdicts=%s corrected=%d more=%s", dict(report.verdicts), report.corrected, report.more)
    if errors:
        raise errors[0]
    return report


def _judge(
    recorder: Recorder,
    versions: Sequence[DefinitionVersion],
    now: datetime,
    known_since: datetime,
    maintenance: Sequence[Maintenance],
    most: int,
    report: JudgeReport,
) -> None:
    judged_until = recorder.judged_until(versions[0].definition_id)
    for number, window in enumerate(windows(versions, judged_until)):
        if window.limit > now:
            return
        if number == most:
            report.more = True
            return
        completed_at = recorder.first_completion(window, now)
        excused = excuse(window, maintenance, switched_off=switched_off(versions, window))
        judgement = judge_window(window, completed_at, now, known_since, excused)
        if judgement and recorder.record(judgement, now):
            report.verdicts[judgement.verdict] += 1


def _correct(
    recorder: Recorder,
    now: datetime,
    known_since: datetime,
    maintenance: Sequence[Maintenance],
    most: int,
    report: JudgeReport,
) -> None:
    belated = recorder.belated(now, most)
    for window, completed_at in belated:
        judgement = judge_window(window, completed_at, now, known_since, excuse(window, maintenance))
        if judgement and recorder.correct(judgement, now):
            report.corrected += 1
    report.more |= len(belated) == most
