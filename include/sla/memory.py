"""The recorder in memory: the twin of ``include.sla.postgres`` for tests of everything above it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from include.sla.contract import (
    COMPLETED_SINCE,
    VIOLATIONS,
    Completion,
    DefinitionVersion,
    Judgement,
    Maintenance,
    RecordedVerdict,
    Verdict,
    Violation,
    Window,
)
from include.sla.verdict import first_completion

Key = tuple[int, datetime]


class InMemoryRecorder:
    """A ``Recorder`` of the versions of definitions that it is given."""

    def __init__(self, versions: Sequence[DefinitionVersion] = ()) -> None:
        self.versions = list(versions)
        self._known_since: datetime | None = None
        self._completions: dict[tuple[str, str, datetime], Completion] = {}
        self._judgements: dict[Key, Judgement] = {}
        self._verdicts: dict[Key, RecordedVerdict] = {}
        self._corrections: list[RecordedVerdict] = []
        self._violations: dict[Key, Violation] = {}
        self._maintenance: list[Maintenance] = []

    def definitions(self) -> Mapping[int, Sequence[DefinitionVersion]]:
        """Return every definition's versions in their order."""
        ordered = sorted(self.versions, key=lambda one: (one.definition_id, one.version))
        return {
            of: [one for one in ordered if one.definition_id == of] for of in {one.definition_id for one in ordered}
        }

    def log(self, completion: Completion) -> None:
        """Write a completion down, once."""
        key = (completion.pipeline_name, completion.run_id, completion.covers_to)
        self._completions.setdefault(key, completion)

    def known_since(self, now: datetime) -> datetime:
        """Return since when no completion is missing in the log."""
        self._known_since = self._known_since or now
        return self._known_since

    def first_completion(self, window: Window, now: datetime) -> datetime | None:
        """Return when a window was first completed, up to ``now``."""
        return first_completion(window, self._completions.values(), now)

    def judged_until(self, definition_id: int) -> datetime | None:
        """Return the end of the newest window that has a verdict."""
        return max((one.window_end for one in self.verdicts(definition_id)), default=None)

    def record(self, judgement: Judgement, now: datetime) -> bool:
        """Write a verdict, with the violation where it is one."""
        key = _key(judgement.window)
        if key in self._verdicts:
            return False
        self._verdicts[key] = _recorded(judgement, now)
        self._judgements[key] = judgement
        if judgement.verdict in VIOLATIONS:
            self._violations[key] = _violation(judgement, now)
        return True

    def belated(self, now: datetime, most: int) -> Sequence[tuple[Window, datetime]]:
        """Return missed windows that were completed up to ``now``."""
        missed = [self._judgements[key].window for key, one in self._verdicts.items() if one.verdict is Verdict.MISSED]
        missed.sort(key=lambda window: (window.due, window.definition_id, window.start))
        found = ((window, self.first_completion(window, now)) for window in missed)
        return [(window, completed_at) for window, completed_at in found if completed_at][:most]

    def correct(
        self,
        judgement: Judgement,
        now: datetime,
        was: Verdict = Verdict.MISSED,
        because: str = COMPLETED_SINCE,
    ) -> bool:
        """Put a verdict in another one's place and keep the old one."""
        key = _key(judgement.window)
        old = self._verdicts[key]
        if old.verdict is not was:
            return False
        self._corrections.append(replace(old, replaced_at=now, because=because))
        self._verdicts[key] = _recorded(judgement, now)
        self._judgements[key] = judgement
        violation = self._violations.pop(key, None)
        if judgement.verdict in VIOLATIONS:
            known = violation or replace(_violation(judgement, now), notified_at=now)
            self._violations[key] = _completed(known, judgement, now)
        return True

    def maintenance(self) -> Sequence[Maintenance]:
        """Return every span of maintenance."""
        return sorted(self._maintenance, key=lambda one: one.starts_at)

    def announce(self, maintenance: Maintenance, now: datetime) -> None:  # noqa: ARG002 - when is nobody's question here
        """Write a span of maintenance down."""
        self._maintenance.append(maintenance)

    def verdicts(self, definition_id: int) -> Sequence[RecordedVerdict]:
        """Return a definition's verdicts in the order of the windows."""
        return [self._verdicts[key] for key in sorted(self._verdicts) if key[0] == definition_id]

    def corrections(self, definition_id: int) -> Sequence[RecordedVerdict]:
        """Return the verdicts that were replaced, in the order of the windows."""
        of = [one for one in self._corrections if one.definition_id == definition_id]
        return sorted(of, key=lambda one: one.window_start)

    def violations(self, definition_id: int) -> Sequence[Violation]:
        """Return a definition's violations in the order of the windows."""
        return [self._violations[key] for key in sorted(self._violations) if key[0] == definition_id]

    def acknowledge(self, definition_id: int, window_start: datetime | None, by: str, now: datetime) -> int:
        """Note who has seen a violation, or all of a definition."""
        chosen = [
            (key, one)
            for key, one in self._violations.items()
            if key[0] == definition_id and window_start in {None, key[1]} and one.acknowledged_at is None
        ]
        self._violations |= {key: replace(one, acknowledged_at=now, acknowledged_by=by) for key, one in chosen}
        return len(chosen)


def _key(window: Window) -> Key:
    return window.definition_id, window.start


def _recorded(judgement: Judgement, now: datetime) -> RecordedVerdict:
    window = judgement.window
    return RecordedVerdict(
        window.definition_id, window.version, window.start, window.end, judgement.verdict, judgement.reason, now
    )


def _violation(judgement: Judgement, now: datetime) -> Violation:
    window = judgement.window
    violation = Violation(*_key(window), window.due, detected_at=now, cause=judgement.reason)
    return _completed(violation, judgement, now)


def _completed(violation: Violation, judgement: Judgement, now: datetime) -> Violation:
    recovered_at = now if judgement.completed_at else None
    return replace(
        violation,
        completed_at=judgement.completed_at,
        minutes_late=judgement.minutes_late,
        recovered_at=recovered_at,
    )
