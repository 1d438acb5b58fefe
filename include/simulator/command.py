"""The simulator's command line: reads the options, joins generator, pacer and sink, and runs until told to stop.

Exit codes: 0 the run ended as asked, SIGTERM and SIGINT included; 2 an option or the surroundings are wrong.
"""

import logging
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import BinaryIO

from include.errors import ConfigurationError
from include.records import utc_now
from include.simulator.journal import Journal
from include.simulator.options import load_of, parse
from include.simulator.pacing import TICK_S, Load, Pacer
from include.simulator.progress import Progress
from include.simulator.record import Generator, GeneratorOptions, SimulatedRecord, StreamSimulation, as_one_line
from include.simulator.registry import simulation
from include.simulator.sinks import Sink, TextSink
from include.stop import Stop, stop_on_signals

logger = logging.getLogger(__name__)

Source = Callable[[int], list[SimulatedRecord]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        _simulate(options)
    except ConfigurationError as error:
        logger.error("%s", error)  # noqa: TRY400  a wrong setting needs a sentence, not a traceback
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output has gone
    return 0


def _simulate(options: Namespace) -> None:
    chosen = simulation(options.stream)
    generator = chosen.generator(_generator_options(options))
    logger.info("start: stream=%s to=%s rate=%g seed=%d", options.stream, options.to, options.rate, options.seed)
    progress = Progress(sys.stderr, time.monotonic)
    with stop_on_signals() as stop, _sink(options, chosen, progress, stop) as sink:
        try:
            run(_source(generator, options), sink, load_of(options), stop, progress, options.duration, options.count)
        finally:
            progress.close()


def run(
    source: Source,
    sink: Sink,
    load: Load,
    stop: Stop,
    progress: Progress,
    duration: float | None = None,
    count: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Put records at the load's pace until ``duration`` seconds or ``count`` records are over or ``stop`` is asked.

    ``clock`` is monotonic, in seconds.
    """
    started = clock()
    end = started + duration if duration is not None else float("inf")
    pacer = Pacer(load, started)
    left = count if count is not None else sys.maxsize
    while not stop.requested:
        now = clock()
        due = min(left, pacer.due(min(now, end)))
        if due:
            sink.put(source(due))
            left -= due
        if now >= end or not left:
            return
        progress.tell(pacer.behind_s(min(clock(), end)))
        stop.wait(min(now + TICK_S, end) - clock())


def _generator_options(options: Namespace) -> GeneratorOptions:
    return GeneratorOptions(
        seed=options.seed,
        error_rate=options.error_rate,
        warn_rate=options.warn_rate,
        malformed_rate=options.malformed_rate,
        fraud_rate=options.fraud_rate,
        repeat_rate=options.repeat_rate,
    )


def _source(generator: Generator, options: Namespace) -> Source:
    """Date records by the wall clock, or by ``--start-at`` and the rate so that two runs give the same bytes."""
    if options.start_at is None:
        return lambda count: generator.records(count, utc_now())
    position = 0

    def dated(count: int) -> list[SimulatedRecord]:
        nonlocal position
        records: list[SimulatedRecord] = []
        for _ in range(count):
            records += generator.records(1, options.start_at + timedelta(seconds=position / options.rate))
            position += 1
        return records

    return dated


@contextmanager
def _sink(options: Namespace, chosen: StreamSimulation, progress: Progress, stop: Stop) -> Iterator[Sink]:
    with ExitStack() as stack:
        if options.to == "kinesis":
            from include.simulator.kinesis import KinesisSink, connect  # noqa: PLC0415  boto3 is slow to import

            journal = stack.enter_context(Journal(options.journal)) if options.journal else None
            stream_name = options.kinesis_stream or options.stream
            yield KinesisSink(connect(), stream_name, journal, progress, stop.wait, time.time)
        elif options.to == "file":
            out: BinaryIO = stack.enter_context(options.file.open("ab"))
            yield TextSink(out, chosen.as_text, progress)
        else:
            yield TextSink(sys.stdout.buffer, as_one_line, progress)
