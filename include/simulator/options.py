"""The simulator's options: what may be given, in which bounds, and what is taken otherwise."""

import secrets
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from include import streams
from include.simulator.pacing import Load

_DESCRIPTION = """\
Put made-up records on a stream at a set pace.

Where Kinesis is and who we are come from the environment, as for every AWS tool: AWS_ENDPOINT_URL_KINESIS,
AWS_REGION, AWS_ACCESS_KEY_ID and so on. SIGTERM and SIGINT end the run after the call in flight."""
_EPILOG = """\
examples:
  python -m include.simulator --rate 100 --journal journal.ndjson
  python -m include.simulator --rate 200 --spike --malformed-rate 0.02 --duration 300
  python -m include.simulator --to file --file /var/log/shop/app.log
  python -m include.simulator --to stdout --count 1000 --seed 7 --start-at 2026-01-01T00:00:00Z"""


def parse(arguments: Sequence[str] | None = None) -> Namespace:
    """Read the options; ends the program with code 2 and a usage line when they are wrong."""
    parser = ArgumentParser("python -m include.simulator", description=_DESCRIPTION, epilog=_EPILOG)
    parser.formatter_class = RawDescriptionHelpFormatter
    _add_mix(parser)
    _add_pace(parser)
    _add_target(parser)
    options = parser.parse_args(arguments)
    if options.to == "file" and options.file is None:
        parser.error("--to file needs --file PATH")
    if options.journal and options.to != "kinesis":
        parser.error("--journal records what Kinesis accepted; it goes with --to kinesis")
    return options


def load_of(options: Namespace) -> Load:
    """Return the load that the options ask for."""
    if not options.spike:
        return Load(options.rate)
    return Load(options.rate, options.spike_factor, options.spike_after, options.spike_seconds)


def _add_mix(parser: ArgumentParser) -> None:
    mix = parser.add_argument_group("what")
    mix.add_argument("--stream", choices=streams.names(), default="logs", help="whose records to make (%(default)s)")
    mix.add_argument("--error-rate", type=_share, default=0.3, help="share of ERROR among valid records (%(default)s)")
    mix.add_argument("--warn-rate", type=_share, default=0.1, help="share of WARN among valid records (%(default)s)")
    mix.add_argument("--fraud-rate", type=_share, default=0.002, help="share of fraudulent transactions (%(default)s)")
    mix.add_argument("--repeat-rate", type=_share, default=0.001, help="share of records sent twice (%(default)s)")
    mix.add_argument("--malformed-rate", type=_share, default=0.0, help="share of broken records (%(default)s)")
    mix.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="repeats a run (drawn, and logged)")
    mix.add_argument("--start-at", type=_instant, help="date records from this instant on, 1/rate apart (wall clock)")


def _add_pace(parser: ArgumentParser) -> None:
    pace = parser.add_argument_group("how much")
    pace.add_argument("--rate", type=_positive, default=100.0, help="records a second (%(default)g)")
    pace.add_argument("--duration", type=_positive, help="seconds to run (until stopped)")
    pace.add_argument("--count", type=_natural, help="records to make (until stopped)")
    pace.add_argument("--spike", action="store_true", help="raise the rate for a while, once")
    pace.add_argument("--spike-after", type=_positive, default=60.0, help="seconds before the spike (%(default)g)")
    pace.add_argument("--spike-factor", type=_positive, default=20.0, help="times the base rate (%(default)g)")
    pace.add_argument("--spike-seconds", type=_positive, default=60.0, help="seconds of the spike (%(default)g)")


def _add_target(parser: ArgumentParser) -> None:
    target = parser.add_argument_group("where to")
    target.add_argument("--to", choices=("kinesis", "stdout", "file"), default="kinesis", help="(%(default)s)")
    target.add_argument("--kinesis-stream", metavar="NAME", help="the Kinesis stream's name (that of --stream)")
    target.add_argument("--journal", type=Path, metavar="PATH", help="append a line for each record Kinesis accepted")
    target.add_argument("--file", type=Path, metavar="PATH", help="append log lines as a shipper tails them")


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ArgumentTypeError("give a share from 0 to 1")
    return share


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ArgumentTypeError("give a number above 0")
    return number


def _natural(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("give a whole number above 0")
    return number


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ArgumentTypeError("give a zone, such as 2026-01-01T00:00:00Z")
    return instant
