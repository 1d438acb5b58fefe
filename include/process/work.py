"""How a stage works: claim what waits, do it batch by batch, give back what failed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from traceback import format_exception

from include.adapters.object_store import ObjectStore
from include.alerts.redaction import redact
from include.errors import CaliError, FencedError, TransientError
from include.ledger.ledger import Claim, Ledger, Stage, retry_delay
from include.records import Clock
from include.streams.loading import Loader
from include.streams.stream import Stream

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""How long a claim holds without its run: long enough for the largest batch, short enough to be missed by nobody."""
BATCHES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a stage works with: the stream's contract, the adapters, who is working, and the clock.

    ``most`` is how many batches it may take. With ``hands_on`` a batch that fails for the first time is there to be
    taken by somebody else at once, instead of after a rest. ``loader`` fills the stream's own table, where it has one.
    """

    stream: Stream
    store: ObjectStore
    ledger: Ledger
    owner: str
    clock: Clock
    most: int = BATCHES_AT_ONCE
    hands_on: bool = False
    loader: Loader | None = None


@dataclass(slots=True)
class StageReport:
    """What a stage did in one run: ids of finished batches, counts that add up over them, dead letters by reason."""

    batches: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)

    def add(self, batch_id: str, **counts: int) -> None:
        """Count a finished batch."""
        self.batches.append(batch_id)
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def refuse(self, reason: str, records: int) -> None:
        """Count the dead letters of a finished batch that have one reason."""
        self.dead_letters[reason] = self.dead_letters.get(reason, 0) + records


def work_off(place: Workplace, stage: Stage, do: Callable[[Claim, StageReport], None]) -> StageReport:
    """Claim the batches that wait for ``stage`` and do each one.

    A batch that fails is given back to be tried again later, and does not hold up the others; the first error is
    raised once they are done. A batch that another run took meanwhile is left to it.

    Raises:
        CaliError: what the first failing batch met.
    """
    report = StageReport()
    errors: list[CaliError] = []
    now = place.clock()
    claims = place.ledger.claim(place.stream.name, stage, place.owner, place.most, LEASE, now)
    for claim in claims:
        try:
            do(claim, report)
        except FencedError as error:
            log.info("batch left to another run batch=%s stage=%s reason=%s", claim.batch_id, stage, error)
        except Exception as error:  # noqa: BLE001 - a batch's own trouble, whatever it is, must not hold up the others
            reason = redact(f"{type(error).__name__}: {error}")
            log.warning("batch given back batch=%s stage=%s error=%s", claim.batch_id, stage, reason)
            place.ledger.release(claim, reason, place.clock() + _rest(place, claim, error))
            errors.append(_told(stage, error))
    if errors:
        raise errors[0]
    return report


def _told(stage: Stage, error: Exception) -> CaliError:
    """Return what a task may end with: Airflow logs it as it is, and a library's error may quote a record."""
    if isinstance(error, CaliError):
        return error
    log.warning("stage=%s %s", stage, redact("".join(format_exception(error))))
    return CaliError(f"{stage}: {redact(repr(error))}")


def _rest(place: Workplace, claim: Claim, error: Exception) -> timedelta:
    if place.hands_on and claim.token == 1:
        return timedelta(0)
    return retry_delay(claim.token, transient=isinstance(error, TransientError))
