"""Where records go when they do not go to Kinesis: one line each, or a log file as a shipper tails it."""

from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol

from include.simulator.progress import Progress
from include.simulator.record import SimulatedRecord


class Sink(Protocol):
    """Takes records in order; ``put`` returns when each is accepted, or given up because the program is to stop."""

    def put(self, records: Sequence[SimulatedRecord]) -> None:
        """Hand over the records."""
        ...


class TextSink:
    """Writes every record through ``render`` to a stream of bytes and flushes it after each call."""

    def __init__(self, out: BinaryIO, render: Callable[[SimulatedRecord], bytes], progress: Progress) -> None:
        self._out = out
        self._render = render
        self._progress = progress

    def put(self, records: Sequence[SimulatedRecord]) -> None:
        """Write the records.

        Raises:
            OSError: the file or pipe cannot be written (``BrokenPipeError``: its reader has gone).
        """
        self._out.write(b"".join(self._render(record) for record in records))
        self._out.flush()
        self._progress.put += len(records)
