"""Put a storm of errors on the whole stack, and prove that Slack got one message a kind, in time and exact.

``python -m tests.storm --errors 100000 --kinds 20 --seconds 60``. Exit codes: 0 it holds; 1 something is wrong, or the
test could not be carried out; 2 an option is wrong.
"""

import argparse
import io
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from slack_sdk import WebClient

from include.errors import CaliError
from include.records import utc_now
from include.simulator.journal import Journal, read
from include.simulator.kinesis import KinesisSink
from include.simulator.progress import Progress
from local.environment import kinesis_url, slack
from local.servers.aws import client
from tests.benchmarks.arguments import natural
from tests.benchmarks.whole_stack import whole_stack
from tests.crash.verdict import Messages, messages_in
from tests.stack.running_stack import STREAM, RunningStack
from tests.storm.errors import Storm
from tests.storm.verdict import MOST_IN_WINDOW, StormVerdict, judge_storm, times_of
from tests.telling import Say, teller
from tests.text_table import text_table

SETTLE_S = 900.0
TICKS = 4
"""Puts a second."""
GROUPS = "select * from cali.alert_groups where stream = %(stream)s"
OPENINGS = "select group_id, message_key from cali.alert_outbox where kind = 'open'"
SENT = "select channel, extract(epoch from sent_at)::float8 as at from cali.alert_outbox where state = 'sent'"


@dataclass(frozen=True, slots=True)
class Result:
    """What was put in how many seconds, how long until all of it was told, and what was found."""

    put: int
    put_s: float
    told_s: float
    lost: int
    doubled: int
    verdict: StormVerdict

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong."""
        return self.verdict.holds and self.lost == self.doubled == 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    say = teller()
    try:
        with whole_stack("low_latency", say) as running:
            result = _stormed(running, options, say)
    except (CaliError, AssertionError) as error:
        say(f"not carried out: {error}")
        return 1
    sys.stdout.write(f"\n{render(result)}\n\n")
    say("one message a kind, at Slack's pace, with exact counts" if result.holds else f"WRONG: {result}")
    return int(not result.holds)


def render(result: Result) -> str:
    """Return the result as a table."""
    told, verdict = result.verdict.alerts, result.verdict
    rows = [
        ["errors put, kinds", f"{result.put:,} in {result.put_s:.1f} s, {verdict.kinds}"],
        ["groups, first messages", f"{told.groups}, {told.first_messages}"],
        ["first messages missing, doubled", f"{told.missing}, {told.doubled}"],
        ["records miscounted, messages with another count", f"{told.miscounted}, {told.stale}"],
        [f"calls to a channel in ten seconds, of {MOST_IN_WINDOW} allowed", f"{verdict.busiest}"],
        ["all told, after the last error", f"{result.told_s:.1f} s"],
        ["records lost, doubled", f"{result.lost}, {result.doubled}"],
    ]
    return text_table([["what", "figure"]], rows)


def _stormed(running: RunningStack, options: argparse.Namespace, say: Say) -> Result:
    storm = Storm(options.kinds, options.seed)
    say(f"{options.errors:,} errors of {options.kinds} kinds in {options.seconds} s")
    began = time.monotonic()
    _put(running, storm, options)
    put_s = time.monotonic() - began
    say(f"put after {put_s:.1f} s; waiting until all is told")
    running.settle(SETTLE_S)
    running.settle_messages(SETTLE_S)
    told_s = time.monotonic() - began - put_s
    say("all is told; comparing journal, S3, groups and Slack")
    put = Counter(str(entry.scenario) for entry in read(running.probes))
    summary = running.summary()
    verdict = judge_storm(
        running.rows(GROUPS, stream=STREAM),
        running.rows(OPENINGS),
        _messages(running),
        storm.fingerprints(put),
        times_of(_calls(running)),
    )
    return Result(put.total(), put_s, told_s, summary.lost, summary.duplicated, verdict)


def _put(running: RunningStack, storm: Storm, options: argparse.Namespace) -> None:
    """Put the errors evenly over the seconds.

    Raises:
        CaliError: an answer of Kinesis was lost, so nobody knows what was put.
    """
    progress = Progress(io.StringIO(), time.monotonic)
    address, credentials = kinesis_url(running.settings), running.settings.credentials
    ticks = options.seconds * TICKS
    with closing(client("kinesis", address, credentials)) as kinesis, Journal(running.probes) as journal:
        sink = KinesisSink(kinesis, STREAM, journal, progress, lambda _: False, time.time)
        began, put = time.monotonic(), 0
        for tick in range(1, ticks + 1):
            due = options.errors * tick // ticks
            sink.put(list(storm.records(due - put, utc_now())))
            put = due
            time.sleep(max(0.0, began + tick / TICKS - time.monotonic()))
    if progress.uncertain:
        raise CaliError("An answer of Kinesis was lost; run the storm test again")


def _messages(running: RunningStack) -> Messages:
    server = slack(running.settings)
    return messages_in(WebClient(server.token, base_url=server.api))


def _calls(running: RunningStack) -> Iterator[tuple[str, float]]:
    """Yield when each channel was written to: what Slack says of its messages, and the outbox of all that was sent."""
    for key, found in _messages(running).items():
        yield from ((f"Slack {message['channel_id']}", float(message["ts"])) for message in found if key)
    yield from ((row["channel"], row["at"]) for row in running.rows(SENT))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.storm", description=__doc__.partition("\n")[0])
    parser.add_argument("--errors", type=natural, default=100_000, help="how many (%(default)s)")
    parser.add_argument("--kinds", type=natural, default=20, help="of how many kinds (%(default)s)")
    parser.add_argument("--seconds", type=natural, default=60, help="in how many seconds (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="repeats the records (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
