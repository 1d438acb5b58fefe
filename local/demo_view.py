"""What a demo shows: a table that lives while it runs, and the results at its end."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from include.proof.summary import StreamSummary, ledger_counts
from include.records import utc_now
from include.sql import query

EVERY_LOOKS = 10
"""Without a terminal, every so many looks one line is printed."""


class LineCount:
    """Counts the complete lines of a growing file, reading each of them once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.lines = 0

    def update(self) -> int:
        """Read what was appended since the last look and return the count."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                appended = file.read()
            # A torn line is read again: whoever writes on may cut it off first, and write others in its place.
            self._offset += appended.rfind(b"\n") + 1
            self.lines += appended.count(b"\n")
        return self.lines


class LiveView:
    """A table on a terminal, or a line now and then where there is none."""

    def __init__(self, console: Console, connection: psycopg.Connection, journals: Mapping[str, Path]) -> None:
        self.journals = journals
        self._console = console
        self._connection = connection
        self._counts = {stream: LineCount(path) for stream, path in journals.items()}
        self._live: Live | None = None
        self._looks = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def produced(self, stream: str) -> int:
        """Return how many records the stream's journal holds."""
        return self._counts[stream].update()

    def refresh(self) -> None:
        """Look at the journals and the ledger, and show what is there."""
        self._looks += 1
        rows = [self._row(stream) for stream in self.journals]
        if self._live is not None:
            self._live.update(self._table(rows), refresh=True)
        elif self._looks % EVERY_LOOKS == 1:
            for row in rows:
                line = "  ".join(f"{name}={value}" for name, value in row.items())
                self._console.print(line, soft_wrap=True, markup=False)

    def _row(self, stream: str) -> dict[str, str]:
        counts = ledger_counts(self._connection, stream)
        put = self.produced(stream)
        newest = self._connection.execute(query("newest_message"), {"stream": stream}).fetchone()
        lag = self._connection.execute(query("lag"), {"stream": stream, "now": utc_now()}).fetchone()
        behind = lag[0] if lag and lag[0] is not None and put > counts["drained"] else 0.0
        return {
            "stream": stream,
            "put": f"{put:,}",
            "drained": f"{counts['drained']:,}",
            "valid": f"{counts['valid']:,}",
            "dead letters": f"{counts['dead_lettered']:,}",
            "batches": f"{counts['batches']:,}",
            "groups": f"{counts['alert_groups']:,}",
            "messages": f"{counts['slack_messages']:,}",
            "lag s": f"{behind:.1f}",
            "newest in Slack": str(newest[0])[:60] if newest else "",
        }

    def _table(self, rows: list[dict[str, str]]) -> Table:
        table = Table(title="CALI", expand=True)
        for name in rows[0]:
            table.add_column(name, justify="left" if name in {"stream", "newest in Slack"} else "right")
        for row in rows:
            # A title's placeholders stand in brackets, which rich would take for markup.
            table.add_row(*(escape(value) for value in row.values()))
        return table


def results(summaries: Mapping[str, StreamSummary]) -> Table:
    """Return the table of results: a line each figure, a column each stream."""
    table = Table(title="What became of every record")
    table.add_column("figure")
    for stream in summaries:
        table.add_column(stream, justify="right")
    for field in fields(StreamSummary):
        values = [getattr(summary, field.name) for summary in summaries.values()]
        if field.name == "alert_latency_s":
            for name in ("p50", "p95", "max"):
                table.add_row(f"alert latency {name} (s)", *(str(getattr(value, name)) for value in values))
        elif field.name != "wrong":
            table.add_row(field.name.replace("_", " "), *(f"{value:,}" for value in values))
    table.add_row(
        "proved", *("[green]yes[/green]" if summary.ok else "[red]NO[/red]" for summary in summaries.values())
    )
    for summary in summaries.values():
        for example in summary.wrong:
            table.add_row("wrong", example)
    return table
