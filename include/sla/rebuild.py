"""Rebuild verdicts from the log of completions, where the log, a maintenance or a mistake made them wrong."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from include.errors import ConfigurationError
from include.sla.acknowledge import Selection, selected
from include.sla.contract import DefinitionVersion, Judgement, Maintenance, RecordedVerdict, Recorder, Verdict
from include.sla.verdict import excuse, judge_window
from include.sla.windows import switched_off, windows

log = logging.getLogger(__name__)
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Change:
    """A window whose verdict the log does not bear out, and what it should be."""

    pipeline_name: str
    window_start: datetime
    was: Verdict
    becomes: Verdict
    reason: str


@dataclass(slots=True)
class RebuildReport:
    """How many verdicts were looked at, how many change from what to what, and the first hundred of those."""

    examined: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    shown: list[Change] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """Count a change."""
        self.changes[f"{change.was} to {change.becomes}"] += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(change)


@dataclass(frozen=True, slots=True)
class Span:
    """Windows that begin at ``start`` or later and before ``end``; aware.

    Raises:
        ConfigurationError: it ends before it begins.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ConfigurationError(f"to={self.end.isoformat()} is not later than from={self.start.isoformat()}")


def rebuild(
    recorder: Recorder, selection: Selection | None, span: Span, because: str, now: datetime, *, dry_run: bool
) -> RebuildReport:
    """Judge windows again that have a verdict, and correct those that come out otherwise.

    The old verdict is kept, with ``because``. Where the log does not reach back any more nothing can be told, and the
    verdict stays. Each correction is committed by itself, and a second rebuild changes nothing. Windows without a
    verdict are the monitor's.

    Args:
        recorder: the recorder.
        selection: whose verdicts; None means all.
        span: which windows.
        because: why; it stands beside the old verdicts.
        now: the clock.
        dry_run: whether only to say what would change.

    Raises:
        ConfigurationError: nothing of that name was ever defined, or no reason is given.
        TransientError: Postgres was away; what was corrected stays.
    """
    if not because.strip():
        raise ConfigurationError("reason is empty: say why the verdicts are rebuilt")
    definitions = recorder.definitions()
    chosen = definitions if selection is None else {of: definitions[of] for of in selected(definitions, selection)}
    report = RebuildReport()
    for versions in chosen.values():
        for old, judgement in _judged_anew(recorder, versions, span, now):
            report.examined += 1
            if judgement is None or (judgement.verdict, judgement.reason) == (old.verdict, old.reason):
                continue
            if dry_run or recorder.correct(judgement, now, old.verdict, because.strip()):
                name = judgement.window.pipeline_name
                report.add(Change(name, old.window_start, old.verdict, judgement.verdict, judgement.reason))
    log.info("rebuilt dry_run=%s examined=%d changes=%s", dry_run, report.examined, dict(report.changes))
    return report


def _judged_anew(
    recorder: Recorder, versions: Sequence[DefinitionVersion], span: Span, now: datetime
) -> Iterator[tuple[RecordedVerdict, Judgement | None]]:
    """Yield each verdict of the span and what the log says today; None where it says nothing."""
    recorded: Mapping[datetime, RecordedVerdict] = {
        one.window_start: one
        for one in recorder.verdicts(versions[0].definition_id)
        if span.start <= one.window_start < span.end
    }
    known_since: datetime = recorder.known_since(now)
    maintenance: Sequence[Maintenance] = recorder.maintenance()
    for window in windows(versions):
        if window.start >= span.end:
            return
        old = recorded.get(window.start)
        if old is None:
            continue
        completed_at = recorder.first_completion(window, now)
        excused = excuse(window, maintenance, switched_off=switched_off(versions, window))
        judgement = judge_window(window, completed_at, now, known_since, excused)
        yield old, None if judgement is None or judgement.verdict is Verdict.UNKNOWN else judgement
