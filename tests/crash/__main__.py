"""Kill the drain and the stages again and again, and prove that nothing was lost, doubled or misjudged.

``python -m tests.crash --kills 1000 --seed 1``; with ``--steps dispatch`` only between outbox and Slack. Exit codes:
0 it holds; 1 something is wrong, or the test could not be carried out; 2 an option is wrong.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from include.errors import CaliError
from tests.crash.campaign import FOCUSES, Campaign, CrashTestError, Focus
from tests.crash.child import warm_parent
from tests.crash.site import started_site
from tests.crash.table import Line, render
from tests.crash.verdict import judge
from tests.telling import Say, teller


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    folder = Path(tempfile.mkdtemp(prefix="cali-crash-"))
    say = teller()
    say(f"servers and logs in {folder}")
    try:
        lines = _killed(folder, options.kills, options.seed, FOCUSES[options.steps], say)
    except (CaliError, CrashTestError) as error:
        say(f"not carried out: {error}")
        return 1
    sys.stdout.write(f"\n{render(lines)}\n\n")
    code = _concluded(lines, say)
    if code == 0:
        shutil.rmtree(folder)
    return code


def _killed(folder: Path, kills: int, seed: int, focus: Focus, say: Say) -> list[Line]:
    with started_site(folder) as site:
        say("servers are up; warming up")
        warm_parent()
        say(f"{kills} kills, seed {seed}")
        logs = Campaign(site, seed, say, focus).run(kills)
        say("all work is done; comparing journal, S3, groups and Slack")
        return [Line(log, judge(site, log.part.stream, log.fingerprints)) for log in logs]


def _concluded(lines: list[Line], say: Say) -> int:
    wrong = [line for line in lines if not line.verdict.holds]
    for line in wrong:
        say(f"{line.log.part.stream}: {line.verdict}")
    seconds = sum(line.log.seconds for line in lines)
    kills = sum(line.log.part.kills for line in lines)
    result = "WRONG" if wrong else "nothing lost, doubled or misjudged"
    say(f"{kills} kills in {seconds:.0f} s, {seconds / kills:.2f} s each: {result}")
    return 1 if wrong else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.crash", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=_natural, default=1000, help="how many (%(default)s)")
    parser.add_argument("--steps", choices=list(FOCUSES), default="all", help="where (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="repeats points, owners and records (%(default)s)")
    return parser.parse_args(arguments)


def _natural(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
