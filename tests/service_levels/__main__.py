"""Break the service levels of a running stack in every way, and prove that each is told once and recovers once.

``python -m tests.service_levels --down 600``. Exit codes: 0 it holds; 1 something is wrong, or the test could not be
carried out; 2 an option is wrong.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from include.errors import CaliError
from local import stack
from tests.service_levels.drill import ENVIRONMENT, Drill, Step
from tests.service_levels.verdict import Verdict, judge
from tests.stack.running_stack import RunningStack, stack_environment
from tests.telling import teller
from tests.text_table import text_table

THINGS = ("ghost", "paused", "hung", "failed", "scheduler")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    say = teller()
    folder = Path(tempfile.mkdtemp(prefix="cali-sla-"))
    say(f"the stack is in {folder}")
    environment = stack_environment(folder) | ENVIRONMENT
    try:
        running = RunningStack(environment, stack.up(say, environment))
        drill = Drill(running, options.down, say)
        drill.run(options.schedulers, set(options.only))
        running.settle_messages()
        verdict = judge(running)
    except (CaliError, AssertionError) as error:
        say(f"not carried out: {error}")
        return 1
    finally:
        stack.down(say, environment)
    sys.stdout.write(f"\n{render(drill.steps, verdict)}\n\n")
    if not verdict.holds:
        say(f"WRONG: {verdict}")
        return 1
    say("each is recorded once, told once, and recovers once")
    shutil.rmtree(folder)
    return 0


def render(steps: list[Step], verdict: Verdict) -> str:
    """Return the result as a table."""
    rows = [[step.name, f"{step.seconds:.0f} s", ", ".join(step.incidents)] for step in steps]
    rows += [
        ["incidents", f"{verdict.incidents}", f"{len(verdict.told_again)} told again, {len(verdict.untold)} untold"],
        ["windows judged", f"{verdict.windows}", f"{verdict.gaps} gaps, {verdict.untold_violations} violations untold"],
    ]
    return text_table([["what", "figure", "incidents"]], rows)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.service_levels", description=__doc__.partition("\n")[0])
    parser.add_argument("--down", type=_positive, default=90.0, help="seconds without a scheduler (%(default)g)")
    parser.add_argument("--schedulers", type=int, choices=(1, 2), default=2, help="how many there are (%(default)s)")
    parser.add_argument("--only", choices=THINGS, action="append", default=[], help="one thing; may be repeated")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("give a number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
