"""Card transactions that are made up: card holders with habits, six patterns of fraud among them, broken records.

``generator`` puts it together; which transactions are fraudulent is told to the journal alone.
"""

from include.streams.transactions.simulation.generator import SIMULATION

__all__ = ["SIMULATION"]
