"""Take Slack away in three ways while groups open, and prove that each is told of afterwards, once and exactly.

``python -m tests.crash.slack_outage --seconds 600``: a third of the time it is refused, a third 500, a third 429. Exit
codes: 0 it holds; 1 something is wrong, or the test could not be carried out; 2 an option is wrong.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from include.errors import CaliError
from tests.crash.child import warm_parent
from tests.crash.outage.__main__ import positive
from tests.crash.site import started_site
from tests.crash.slack_outage.drill import Outcome, Plan, SlackDrill
from tests.crash.verdict import Verdict, judge
from tests.telling import Say, teller
from tests.text_table import text_table


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    folder = Path(tempfile.mkdtemp(prefix="cali-slack-outage-"))
    say = teller()
    say(f"servers and logs in {folder}")
    plan = Plan(seconds=options.seconds, before=options.before, seed=options.seed)
    try:
        outcome, verdict = _carried_out(folder, plan, say)
    except (CaliError, TimeoutError) as error:
        say(f"not carried out: {error}")
        return 1
    sys.stdout.write(f"\n{render(plan, outcome, verdict)}\n\n")
    if not verdict.holds:
        say(f"WRONG: {verdict}")
        return 1
    say("each group is in Slack once, with its exact count")
    shutil.rmtree(folder)
    return 0


def render(plan: Plan, outcome: Outcome, verdict: Verdict) -> str:
    """Return the result as a table."""
    told, proof = verdict.alerts, verdict.proof
    rows = [
        ["Slack away", f"{plan.seconds:.0f} s: refused, then 500, then 429"],
        ["records put", f"{proof.produced:,}"],
        ["groups, new while Slack was away", f"{told.groups}, {outcome.opened}"],
        ["first messages that waited at most", f"{outcome.waiting}"],
        ["none waited, after Slack was back", f"{outcome.told_s:.1f} s"],
        ["tries of tasks that failed", f"{outcome.failed}"],
        [
            "first messages, missing, doubled, stale",
            f"{told.first_messages}, {told.missing}, {told.doubled}, {told.stale}",
        ],
        ["records miscounted", f"{told.miscounted}"],
        ["lost, doubled, misjudged", f"{proof.lost}, {proof.duplicated}, {proof.misjudged}"],
    ]
    return text_table([["what", "figure"]], rows)


def _carried_out(folder: Path, plan: Plan, say: Say) -> tuple[Outcome, Verdict]:
    with started_site(folder) as site:
        say("servers are up; warming up")
        warm_parent()
        outcome = SlackDrill(site, plan, say).run()
        say("all work is done; comparing journal, S3, groups and Slack")
        return outcome, judge(site, plan.stream, outcome.put)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.crash.slack_outage", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=positive, default=600.0, help="how long Slack is away (%(default)g)")
    parser.add_argument("--before", type=positive, default=20.0, help="seconds before that (%(default)g)")
    parser.add_argument("--seed", type=int, default=1, help="repeats the records and the retries' spread (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
