"""The burns in memory: the twin of ``burns_postgres`` for tests of what follows from the rates."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime

from include.sla.burns import Burn, BurnRate, Outcome


class InMemoryBurnBook:
    """A ``BurnBook`` of the rates that it is given."""

    def __init__(self, rates: Sequence[BurnRate] = ()) -> None:
        self.given = list(rates)
        self._burns: list[Burn] = []

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context; here nothing is rolled back."""
        return nullcontext()

    def rates(self) -> Sequence[BurnRate]:
        """Return the rates that were given."""
        return sorted(self.given, key=lambda rate: (rate.definition_id, rate.long_minutes))

    def burns(self) -> Sequence[Burn]:
        """Return every burn, oldest first."""
        return sorted(self._burns, key=lambda burn: (burn.started_at, burn.definition_id))

    def begin(self, burn: Burn) -> bool:
        """Write a burn down, unless one of the definition is open."""
        if any(one.definition_id == burn.definition_id and one.ended_at is None for one in self._burns):
            return False
        self._burns.append(burn)
        return True

    def end(self, burn: Burn, outcome: Outcome, now: datetime) -> bool:
        """Write down how a burn ended."""
        if burn not in self._burns or burn.ended_at is not None:
            return False
        self._burns[self._burns.index(burn)] = replace(burn, ended_at=now, outcome=outcome)
        return True
