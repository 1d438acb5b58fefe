"""Take S3 or Postgres away in the middle of a flow of records, and prove that nothing is lost and the backlog goes.

``python -m tests.crash.outage --server s3 --seconds 60 --rate 500``. Exit codes: 0 it holds; 1 something is wrong, or
the test could not be carried out; 2 an option is wrong.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from include.errors import CaliError
from include.settings import Pace
from local.servers.kinesis import KinesisLocal
from tests.crash.child import warm_parent
from tests.crash.outage.drill import Drill, How, Outcome, Plan
from tests.crash.outage.verdict import Verdict, judge
from tests.crash.site import SturdyKinesalite, started_site
from tests.telling import Say, teller
from tests.text_table import text_table

EMULATORS = {"kinesalite": SturdyKinesalite, "kinesis-local": KinesisLocal}


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    folder = Path(tempfile.mkdtemp(prefix="cali-outage-"))
    say = teller()
    say(f"servers and logs in {folder}")
    plan = _plan(options)
    try:
        outcome, verdict = _carried_out(folder, plan, options.kinesis, say)
    except (CaliError, TimeoutError) as error:
        say(f"not carried out: {error}")
        return 1
    sys.stdout.write(f"\n{render(plan, outcome, verdict)}\n\n")
    code = _concluded(outcome, verdict, say)
    if code == 0:
        shutil.rmtree(folder)
    return code


def _concluded(outcome: Outcome, verdict: Verdict, say: Say) -> int:
    if verdict.holds and outcome.gone_s is not None:
        say("nothing lost, nothing doubled, and the backlog is gone")
        return 0
    say(f"WRONG: {outcome} {verdict}")
    return 1


def render(plan: Plan, outcome: Outcome, verdict: Verdict) -> str:
    """Return the result as a table."""
    gone = f"more than {plan.within:.0f} s" if outcome.gone_s is None else f"{outcome.gone_s:.1f} s"
    told = verdict.alerts
    rows = [
        ["server, how it went", f"{plan.server}, {plan.how}"],
        ["outage", f"{plan.seconds:.0f} s, and {outcome.restart_s:.1f} s until it answered again"],
        ["records put", f"{verdict.proof.produced:,} at {plan.rate:g} a second"],
        ["ordinary backlog, largest backlog", f"{outcome.ordinary:,}, {outcome.largest:,}"],
        ["backlog gone, after the server was back", gone],
        ["tries of tasks that failed", f"{outcome.failed}"],
        ["lost, doubled, misjudged", f"{verdict.proof.lost}, {verdict.proof.duplicated}, {verdict.proof.misjudged}"],
        ["unpublished, unsettled, uncertain", f"{verdict.proof.unpublished}, {verdict.unsettled}, {verdict.uncertain}"],
        ["groups, records that nobody was told of", f"{verdict.alerts.groups}, {verdict.untold}"],
        [
            "first messages, missing, doubled, stale",
            f"{told.first_messages}, {told.missing}, {told.doubled}, {told.stale}",
        ],
    ]
    return text_table([["what", "figure"]], rows)


def _carried_out(folder: Path, plan: Plan, kinesis: str, say: Say) -> tuple[Outcome, Verdict]:
    with started_site(folder, EMULATORS[kinesis]) as site:
        say("servers are up; warming up")
        warm_parent()
        outcome = Drill(site, plan, say).run()
        say("all work is done; comparing journal, S3, groups and Slack")
        return outcome, judge(site, plan.stream)


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        server=options.server,
        how=options.how,
        seconds=options.seconds,
        rate=options.rate,
        before=options.before,
        within=options.within,
        seed=options.seed,
        pace=options.pace,
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.crash.outage", description=__doc__.partition("\n")[0])
    parser.add_argument("--server", choices=("s3", "postgres"), default="s3", help="which one goes (%(default)s)")
    parser.add_argument("--how", type=How, choices=list(How), default=How.KILL, help="how it goes (%(default)s)")
    parser.add_argument("--seconds", type=positive, default=60.0, help="how long it is away (%(default)g)")
    parser.add_argument("--rate", type=positive, default=500.0, help="records a second (%(default)g)")
    parser.add_argument("--before", type=positive, default=30.0, help="seconds before the outage (%(default)g)")
    parser.add_argument("--within", type=positive, default=60.0, help="seconds for the backlog to go (%(default)g)")
    parser.add_argument(
        "--pace", type=Pace, choices=list(Pace), default=Pace.BALANCED, help="the drain's (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="repeats the records and the retries' spread (%(default)s)")
    parser.add_argument("--kinesis", choices=list(EMULATORS), default="kinesalite", help="the emulator (%(default)s)")
    return parser.parse_args(arguments)


def positive(text: str) -> float:
    """Return an option's number, which is above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("give a number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
