"""A server that goes away for some seconds costs nobody a record; and a drill that lost some is found out."""

from dataclasses import replace

import pytest

from include.adapters.object_store import S3ObjectStore
from include.keys import Room
from include.settings import Pace
from tests.crash.outage.__main__ import render
from tests.crash.outage.drill import Drill, How, Plan
from tests.crash.outage.verdict import judge
from tests.crash.site import Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

SHORT = Plan(
    server="s3",
    pace=Pace.LOW_LATENCY,
    seconds=2,
    rate=100,
    before=1.5,
    after=0.1,
    within=90,
    retry_delay=0.5,
)


@pytest.mark.parametrize(("server", "how"), [("s3", How.STOP), ("postgres", How.KILL)])
def test_a_short_outage_loses_and_doubles_nothing(site: Site, server: str, how: How) -> None:
    """Tasks fail while it lasts; then the backlog goes, and each record, group and message is there once."""
    plan = replace(SHORT, server=server, how=how, stream=f"outage-{server}")
    outcome = Drill(site, plan, say=print).run()
    verdict = judge(site, plan.stream)
    assert (verdict.holds, outcome.gone_s is not None, outcome.failed > 0) == (True, True, True), (outcome, verdict)
    assert f"{verdict.proof.produced:,} at 100 a second" in render(plan, outcome, verdict)
    store = S3ObjectStore(site.parents.s3, site.bucket)
    store.delete(next(store.keys(f"{Room.STAGED}/stream={plan.stream}/")))
    assert not judge(site, plan.stream).holds
