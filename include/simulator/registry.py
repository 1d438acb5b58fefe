"""Which streams can be simulated; a stream's modules are imported when it is asked for."""

from importlib import import_module

from include.errors import ConfigurationError
from include.simulator.record import StreamSimulation

_MODULES = {"logs": "include.streams.logs.simulation.generator"}
"""Stream name to the module whose ``SIMULATION`` says how to simulate it."""

STREAMS = tuple(_MODULES)
"""The names of the streams that can be simulated."""


def simulation(stream: str) -> StreamSimulation:
    """Return how to simulate ``stream``.

    Raises:
        ConfigurationError: no stream of that name can be simulated.
    """
    if stream not in _MODULES:
        raise ConfigurationError(f"no stream {stream!r} to simulate: take one of {', '.join(STREAMS)}")
    found: StreamSimulation = import_module(_MODULES[stream]).SIMULATION
    return found
