"""Makes the log stream's records: ordinary traffic at INFO, incidents at WARN and ERROR, and broken records.

A valid record is compact JSON of about 600 bytes, or 3,000 with a stack trace. Its ``log_content`` is the event as
the service's log file has it (``SIMULATION.as_text`` writes just that), first line::

    <timestamp> <level> [<service>] [<pod>] [<version>] [<request id>,<correlation id>] [<thread>] <logger> : <message>
"""

import json
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from include.simulator.malformed import Breakable, Spoiler, encode
from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord, StreamSimulation
from include.simulator.spread import Spread, zulu
from include.streams.logs.simulation.incidents import Incidents
from include.streams.logs.simulation.request import Request, Requests
from include.streams.logs.simulation.services import JOURNEYS, ORDINARY_WARNINGS, Line, deploy
from include.streams.logs.simulation.template import Trace

IN_FLIGHT = 24
"""How many requests are under way at any time; their events interleave."""
FORETELLING_SHARE = 0.7
"""The share of warnings that belong to an incident, while there is one."""
ORDINARY_TURN_S = 15
"""How long one kind of ordinary warning lasts before the next has its turn, as in life: things come and go."""
ORDINARY_FROM_S = 8
"""A shop that has just opened has none for so long."""


BREAKABLE = Breakable(
    wrong=(
        ("event_id", 17),
        ("event_id", "not-a-uuid"),
        ("timestamp", 1_767_225_600),
        ("level", "error"),
        ("level", ["ERROR"]),
        ("service", {"name": "order"}),
        ("message", None),
        ("message", 404),
        ("log_content", ["first line", "second line"]),
        ("pod", False),
        ("version", 2.4),
        ("request_id", 99),
    ),
    required=("event_id", "timestamp", "level", "service", "message", "log_content", "pod", "version"),
    text="message",
    time="timestamp",
    bulky="log_content",
)


class _Journey:
    """One request on its way and the lines it has yet to leave."""

    __slots__ = ("lines", "request")

    def __init__(self, request: Request, lines: tuple[Line, ...]) -> None:
        self.request = request
        self.lines = list(reversed(lines))


class LogGenerator:
    """The shop's log events, in the mix that ``options`` ask for; see ``include.simulator.record.Generator``."""

    def __init__(self, options: GeneratorOptions) -> None:
        self._options = options
        self._rng = rng = Random(options.seed)
        self._services = deploy(rng)
        self._requests = Requests(rng)
        self._incidents = Incidents(rng)
        self._spoiler = Spoiler(rng, BREAKABLE)
        self._in_flight = [self._journey() for _ in range(IN_FLIGHT)]
        self._position = 0
        self._first: datetime | None = None
        self._spread = Spread()

    def records(self, count: int, now: datetime) -> list[SimulatedRecord]:
        """Return the next ``count`` records, spread evenly over the time since the last call."""
        instants = self._spread.instants(count, now)
        if instants:
            self._first = self._first or instants[-1]
        return [self._record(at) for at in instants]

    def _record(self, at: datetime) -> SimulatedRecord:
        self._position += 1
        options, rng = self._options, self._rng
        malformed = rng.random() < options.malformed_rate
        drawn = rng.random()
        scenario: str | None = None
        if drawn < options.error_rate:
            body, scenario = self._error(at)
        elif drawn < options.error_rate + options.warn_rate:
            body, scenario = self._warning(at)
        else:
            body = self._traffic(at)
        key = body["correlation_id"]
        if malformed:
            kind, data = self._spoiler.spoil(body, self._position)
            return SimulatedRecord(data, key, kind, alertable=False, scenario=None, event_id=None)
        alertable = body["level"] != "INFO"
        return SimulatedRecord(encode(body).encode(), key, VALID, alertable, scenario, body["event_id"])

    def _error(self, at: datetime) -> tuple[dict[str, Any], str]:
        """One request fails by an active incident and ends there."""
        scenario = self._rng.choice(self._incidents.active(at))
        slot = int(self._rng.random() * IN_FLIGHT)
        request = self._in_flight[slot].request
        self._in_flight[slot] = self._journey()
        return self._body(at, "ERROR", scenario.error, request, scenario.trace), scenario.name

    def _warning(self, at: datetime) -> tuple[dict[str, Any], str | None]:
        request = self._rng.choice(self._in_flight).request
        foretold = self._incidents.foretold(at)
        ordinary = self._ordinary_warning(at)
        if foretold and (ordinary is None or self._rng.random() < FORETELLING_SHARE):
            scenario = self._rng.choice(foretold)
            return self._body(at, "WARN", scenario.warning, request), scenario.name
        return self._body(at, "WARN", ordinary or ORDINARY_WARNINGS[0], request), None

    def _ordinary_warning(self, at: datetime) -> Line | None:
        """Return the ordinary warning whose turn it is."""
        open_s = (at - (self._first or at)).total_seconds() - ORDINARY_FROM_S
        return None if open_s < 0 else ORDINARY_WARNINGS[int(open_s // ORDINARY_TURN_S) % len(ORDINARY_WARNINGS)]

    def _traffic(self, at: datetime) -> dict[str, Any]:
        """One request comes one line further."""
        slot = int(self._rng.random() * IN_FLIGHT)
        journey = self._in_flight[slot]
        body = self._body(at, "INFO", journey.lines.pop(), journey.request)
        if not journey.lines:
            self._in_flight[slot] = self._journey()
        return body

    def _journey(self) -> _Journey:
        return _Journey(self._requests.new(), self._rng.choice(JOURNEYS))

    def _body(
        self, at: datetime, level: str, line: Line, request: Request, trace: Trace | None = None
    ) -> dict[str, Any]:
        rng = self._rng
        service = self._services[line.service]
        pod = service.pods[request.replica % len(service.pods)]
        timestamp = zulu(at)
        message = line.message.render(rng, request)
        log_content = (
            f"{timestamp} {level:<5} [{service.name}] [{pod}] [{service.version}]"
            f" [{request.request_id},{request.correlation_id}] [worker-{1 + int(rng.random() * 32)}]"
            f" {line.logger} : {message}"
        )
        if trace is not None:
            log_content += "\n" + trace.render(rng, request)
        body: dict[str, Any] = {
            "event_id": str(UUID(int=rng.getrandbits(128), version=4)),
            "timestamp": timestamp,
            "level": level,
            "service": service.name,
            "message": message,
            "log_content": log_content,
            "pod": pod,
            "version": service.version,
            "request_id": request.request_id,
            "correlation_id": request.correlation_id,
        }
        if line.priced:
            body |= {"amount": request.amount, "currency": request.currency}
        return body


def as_log_text(record: SimulatedRecord) -> bytes:
    """Return the event as its service's log file has it, or a broken record's bytes as a line of their own."""
    if record.kind != VALID:
        return record.data + b"\n"
    content: str = json.loads(record.data)["log_content"]
    return content.encode() + b"\n"


SIMULATION = StreamSimulation(generator=LogGenerator, as_text=as_log_text)
