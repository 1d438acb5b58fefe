"""Page views that are made up: four pages, one of which breaks now and then."""

from datetime import datetime
from random import Random
from uuid import UUID

from include.simulator.malformed import Breakable, Spoiler, encode
from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord, StreamSimulation
from include.simulator.spread import Spread, zulu

REQUIRED = ("view_id", "viewed_at", "page", "status", "took_ms")
BREAKABLE = Breakable((("view_id", "x"), ("status", "200"), ("took_ms", -1)), REQUIRED, "page", "viewed_at", "page")


class PageViews:
    """See ``include.simulator.record.Generator``."""

    def __init__(self, options: GeneratorOptions) -> None:
        self._options, self._rng, self._spread = options, Random(options.seed), Spread()
        self._spoiler, self._position = Spoiler(self._rng, BREAKABLE), 0

    def records(self, count: int, now: datetime) -> list[SimulatedRecord]:
        """Return the next ``count`` records, spread evenly over the time since the last call."""
        return [self._record(at) for at in self._spread.instants(count, now)]

    def _record(self, at: datetime) -> SimulatedRecord:
        self._position, rng = self._position + 1, self._rng
        view_id, page = str(UUID(int=rng.getrandbits(128), version=4)), rng.choice(("/", "/shop", "/cart", "/about"))
        fails = page == "/cart" and rng.random() < self._options.error_rate
        body = dict(zip(REQUIRED, (view_id, zulu(at), page, 503 if fails else 200, rng.randrange(300)), strict=True))
        if rng.random() < self._options.malformed_rate:
            kind, data = self._spoiler.spoil(body, self._position)
            return SimulatedRecord(data, page, kind, alertable=False, scenario=None, event_id=None)
        return SimulatedRecord(encode(body).encode(), view_id, VALID, fails, "cart" if fails else None, view_id)


SIMULATION = StreamSimulation(generator=PageViews)
