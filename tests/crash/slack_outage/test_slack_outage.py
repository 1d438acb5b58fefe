"""A Slack that was away is told of each group afterwards, once; and one that was told twice is found out."""

import pytest

from include.adapters.slack import SlackApiMessenger
from tests.crash.site import Site
from tests.crash.slack_outage.__main__ import render
from tests.crash.slack_outage.drill import Plan, SlackDrill
from tests.crash.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

SHORT = Plan(seconds=9, before=2, put_every=0.8, records=10, retry_delay=0.5)


def test_a_short_outage_of_slack_costs_nobody_a_message(site: Site) -> None:
    """Refused, 500 and 429 for three seconds each: groups open meanwhile, and each is in Slack once with its count."""
    outcome = SlackDrill(site, SHORT, say=print).run()
    verdict = judge(site, SHORT.stream, outcome.put)
    assert verdict.holds, verdict
    assert (outcome.opened > 3, outcome.failed > 0, outcome.waiting > 0) == (True, True, True), outcome
    assert f"{verdict.alerts.groups}, {outcome.opened}" in render(SHORT, outcome, verdict)


def test_a_messenger_that_does_not_look_is_found_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a post that was answered with 500 is sent again unlooked, the verdict says doubled."""
    monkeypatch.setattr(SlackApiMessenger, "find", lambda *_: None)
    plan = Plan(stream="slack-blind", seconds=9, before=1, put_every=0.8, records=10, retry_delay=0.5)
    outcome = SlackDrill(site, plan, say=print).run()
    verdict = judge(site, plan.stream, outcome.put)
    assert (verdict.holds, verdict.alerts.doubled > 0, verdict.alerts.missing) == (False, True, 0), verdict
