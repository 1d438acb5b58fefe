"""Stack traces vary like real ones, while what identifies an incident stays."""

import re
from random import Random

import pytest

from include.streams.logs.simulation.request import Requests
from include.streams.logs.simulation.scenarios import SCENARIOS, Scenario
from include.streams.logs.simulation.services import NAMES
from include.streams.logs.simulation.template import Template

OWN_JAVA = re.compile(r"at (com\.shopfront\.[\w.]+?)(?:\$\$\w+(?:\$\$\w+|\$\w+(?:/0x\w+)?)?)?\.([a-z]\w*)[$(]")
OWN_PYTHON = re.compile(r'File "(/srv/app/[\w/.]+)", line \d+, in (\w+)')
EXCEPTION = re.compile(
    r"^(?:Caused by: )?((?:[a-z]\w*\.)*[A-Z][\w$]*(?:Error|Exception|Unavailable))(?=[:\s]|$)", re.MULTILINE
)


def traces(scenario: Scenario, number: int = 200) -> list[str]:
    """Some fillings of a scenario's trace."""
    rng = Random(5)
    requests = Requests(rng)
    return [scenario.trace.render(rng, requests.new()) for _ in range(number)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_trace_has_15_to_30_lines(scenario: Scenario) -> None:
    """Long enough to be real, whatever is left out."""
    lengths = {len(trace.split("\n")) for trace in traces(scenario)}
    assert 15 <= min(lengths) <= max(lengths) <= 30
    assert len(lengths) > 1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_traces_of_a_scenario_differ_yet_show_the_same_exceptions_and_own_frames(
    scenario: Scenario,
) -> None:
    """A grouper by exception type and own frames sees one incident, one by the whole text sees two hundred."""
    found = traces(scenario)
    assert len(set(found)) > 0.95 * len(found)
    assert len({tuple(EXCEPTION.findall(trace)) for trace in found}) == 1
    assert len(EXCEPTION.findall(found[0])) >= 1
    frames = {tuple(OWN_JAVA.findall(trace) + OWN_PYTHON.findall(trace)) for trace in found}
    assert len(frames) == 1
    assert len(frames.pop()) >= 2


def test_no_two_scenarios_share_their_own_frames() -> None:
    """Eight incidents are eight groups."""
    frames = {tuple(OWN_JAVA.findall(trace) + OWN_PYTHON.findall(trace)) for s in SCENARIOS for trace in traces(s, 1)}
    assert len(frames) == 8


def test_scenarios_come_from_known_services_and_leave_no_blank_unfilled() -> None:
    """Every blank of every text is filled."""
    rng = Random(1)
    request = Requests(rng).new()
    for scenario in SCENARIOS:
        for line in (scenario.error, scenario.warning):
            assert line.service in NAMES
            assert "{" not in line.message.render(rng, request)
            assert "\n" not in line.message.render(rng, request)


def test_a_blank_that_does_not_exist_is_refused() -> None:
    """A slip in a text shows when the module is loaded, not in the middle of a run."""
    with pytest.raises(KeyError):
        Template("paid by {custmer}")
    with pytest.raises(KeyError):
        Template("took {milliseconds:1-9}")
