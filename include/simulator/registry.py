"""Which streams can be simulated; a stream's modules are imported when it is asked for.

A stream's module ``simulation`` defines ``SIMULATION``, a value of ``include.simulator.record.StreamSimulation``.
"""

from importlib import import_module

from include import streams
from include.errors import ConfigurationError
from include.simulator.record import StreamSimulation


def simulation(stream: str) -> StreamSimulation:
    """Return how to simulate ``stream``.

    Raises:
        ConfigurationError: no stream of that name can be simulated.
    """
    if stream not in streams.names():
        raise ConfigurationError(f"no stream {stream!r} to simulate: take one of {', '.join(streams.names())}")
    found: StreamSimulation = import_module(f"{streams.__name__}.{stream}.simulation").SIMULATION
    return found
