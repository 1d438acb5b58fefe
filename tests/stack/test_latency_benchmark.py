"""The latency benchmark on the whole stack: what it measures is there and adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import latency
from tests.benchmarks.journeys import SEGMENTS

if TYPE_CHECKING:
    from tests.stack.running_stack import RunningStack

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.thorough, pytest.mark.timeout(1800)]


def test_a_load_gives_quantiles_for_each_step(running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes reach Slack, every record is drained, validated and audited, and the segments add up to the mean."""
    monkeypatch.setattr(latency, "WARM_UP_S", 1.0)
    monkeypatch.setattr(latency, "pause_of", lambda _: (0.5, 1.5))
    figures = latency._measured(running_stack, 20, 6, lambda _: None)
    probes = figures["alert"]["of"]
    assert probes > 1
    assert figures["drained"]["of"] == figures["valid"]["of"] >= 6 * 20 * 0.5
    assert tuple(figures["segments"]) == SEGMENTS
    assert 0 < figures["drained"]["p50"] <= figures["audit"]["p50"]
    assert figures["drained"]["p50"] <= figures["alert"]["max"]
    assert latency.render({"rps_20": figures}).startswith("load")
