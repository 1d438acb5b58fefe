"""Acknowledging violations: which are meant, by whom, and once."""

from dataclasses import replace

import pytest

from include.errors import ConfigurationError
from include.sla.acknowledge import AcknowledgeReport, Selection, acknowledge
from include.sla.contract import DefinitionVersion, Recorder, SlaType
from include.sla.memory import InMemoryRecorder
from tests.include.sla.test_recorder_contract import HOURLY, LATER, MINUTE, MISSED, NOW, WINDOW

DAILY = DefinitionVersion(2, 1, "batch", SlaType.DAILY, 540, NOW)


@pytest.fixture
def recorder() -> Recorder:
    """Return a recorder with two hourly violations and one daily."""
    recorder = InMemoryRecorder([HOURLY, DAILY])
    for window in (WINDOW, replace(WINDOW, start=WINDOW.end), replace(WINDOW, definition_id=2)):
        recorder.record(replace(MISSED, window=window), LATER)
    return recorder


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection("batch"), 3),
        (Selection("batch", SlaType.HOURLY), 2),
        (Selection("batch", SlaType.HOURLY, WINDOW.end), 1),
        (Selection("batch", window_start=NOW), 2),
    ],
)
def test_what_is_selected_is_acknowledged_once(recorder: Recorder, selection: Selection, count: int) -> None:
    """By pipeline, kind and window; a second time finds it done and changes nothing."""
    assert acknowledge(recorder, selection, " ada ", LATER) == AcknowledgeReport(count, 0)
    before = [recorder.violations(number) for number in (1, 2)]
    assert acknowledge(recorder, selection, "bob", LATER + MINUTE) == AcknowledgeReport(0, count)
    assert [recorder.violations(number) for number in (1, 2)] == before
    names = [one.acknowledged_by for of in before for one in of if one.acknowledged_by]
    assert names == ["ada"] * count


@pytest.mark.parametrize(
    ("selection", "by", "named"),
    [
        (Selection("batch"), "  ", "by is empty"),
        (
            Selection("bach"),
            "ada",
            r"pipeline_name='bach' has no such service level; there are: batch \(daily\), batch",
        ),
        (Selection("batch", SlaType.REALTIME), "ada", "has no such service level"),
        (Selection("batch", window_start=LATER), "ada", "window_start=.* is no violation"),
    ],
)
def test_what_nobody_can_mean_is_refused_by_name(recorder: Recorder, selection: Selection, by: str, named: str) -> None:
    """And nothing is acknowledged."""
    with pytest.raises(ConfigurationError, match=named):
        acknowledge(recorder, selection, by, LATER)
    assert [one.acknowledged_at for one in recorder.violations(1)] == [None, None]
