"""A shop of seven services whose log events are made up: traffic, incidents, stack traces, broken records.

``generator`` puts it together; ``scenarios_java`` and ``scenarios_python`` hold the eight incidents' texts.
"""

from include.streams.logs.simulation.generator import SIMULATION

__all__ = ["SIMULATION"]
