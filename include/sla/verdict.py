"""What became of a window: pure, over its completions and the clock."""

from collections.abc import Iterable
from datetime import datetime

from include.sla.contract import Completion, Judgement, Maintenance, Verdict, Window


def fulfils(completion: Completion, window: Window) -> bool:
    """Return whether a completion is the window's: by what its data cover, so a backfill is only its own window's."""
    return (
        completion.pipeline_name == window.pipeline_name
        and completion.covers_to >= window.reach
        and (window.since is None or completion.covers_from is None or completion.covers_from <= window.since)
    )


def first_completion(window: Window, completions: Iterable[Completion], now: datetime) -> datetime | None:
    """Return when the window was first completed, up to ``now``."""
    moments = (one.completed_at for one in completions if fulfils(one, window) and one.completed_at <= now)
    return min(moments, default=None)


def excuse(window: Window, maintenance: Iterable[Maintenance], *, switched_off: bool = False) -> str | None:
    """Return why a miss of the window is excused, or None.

    Args:
        window: the window.
        maintenance: what was announced; it counts where it overlaps the time in which the window could be completed.
        switched_off: whether the definition was disabled or deleted before the window could be missed.
    """
    if switched_off:
        return "the definition was switched off before the deadline"
    for one in maintenance:
        concerned = one.pipeline_name in {None, window.pipeline_name}
        if concerned and one.starts_at < window.limit and one.ends_at > window.start:
            return f"maintenance: {one.reason} (announced by {one.announced_by})"
    return None


def judge_window(
    window: Window, completed_at: datetime | None, now: datetime, known_since: datetime, excused: str | None = None
) -> Judgement | None:
    """Return what became of a window, or None as long as it may still be completed in time.

    Args:
        window: the window.
        completed_at: when it was first completed, as far as the log of completions knows.
        now: the clock.
        known_since: since when that log is whole.
        excused: why a miss of it is excused; None: it is not.
    """
    if now < window.limit:
        return None
    if completed_at is not None and completed_at <= window.limit:
        return Judgement(window, Verdict.ON_TIME, "completed in time", completed_at)
    if window.start < known_since:
        reason = f"the log of completions is only whole since {known_since.isoformat()}"
        return Judgement(window, Verdict.UNKNOWN, reason, completed_at)
    if excused is not None:
        return Judgement(window, Verdict.EXCUSED, excused, completed_at)
    if completed_at is None:
        return Judgement(window, Verdict.MISSED, "not completed")
    late = round((completed_at - window.due).total_seconds() / 60, 2)
    return Judgement(window, Verdict.LATE, f"completed {late:g} minutes after it was due", completed_at, late)
