"""One redrive: source batch by source batch, each one whole or not at all, at a bounded pace, until told to stop."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from include.adapters.object_store import ObjectStore
from include.drain.raw_batch import batch_of
from include.errors import CaliError, ConfigurationError
from include.parquet import from_parquet
from include.records import Clock, MicroBatch
from include.redrive.judge import Judgement, Rules, judge_again
from include.redrive.store import Place, Redrive, RedriveStore, Selection, Source, State, Tally
from include.validation.validate import DECODE_STAGE

log = logging.getLogger(__name__)
LONGEST_NAP_S = 0.5
"""How long a pause goes on, at most, after a redrive was told to stop."""


@dataclass(frozen=True, slots=True)
class RedriveOrder:
    """What a run is asked for.

    Attributes:
        run_id: the run that asks; a retry of it goes on where it was left.
        selection: which dead letters.
        dry_run: judge and count, and move nothing.
        records_per_second: how fast records are moved, over the whole run; a source batch moves at once.
        max_attempts: a group that so many redrives in a row fixed nothing of is skipped.
    """

    run_id: str
    selection: Selection
    dry_run: bool
    records_per_second: float
    max_attempts: int


@dataclass(frozen=True, slots=True)
class RedriveSite:
    """What a redrive works with; ``stopped`` tells whether it was told to end."""

    rules: Rules
    objects: ObjectStore
    store: RedriveStore
    clock: Clock
    sleep: Callable[[float], None]
    stopped: Callable[[], bool]


@dataclass(slots=True)
class RedriveReport:
    """What a redrive did: its number, how it ended, its tally, and the batches of this try."""

    redrive_id: int
    state: State
    tally: Tally
    batches: list[MicroBatch]


def redrive(site: RedriveSite, order: RedriveOrder) -> RedriveReport:
    """Judge the selected dead letters again; what the present model takes becomes one batch for each source batch.

    Raises:
        FencedError: another run moved the same letters or cancelled this one; the source batch at hand is untouched.
        ConservationError: a ``dlq/`` object does not hold what the ledger says.
        TransientError: S3 or Postgres was away; what was recorded before stays, and a retry goes on behind it.
    """
    run = site.store.begin(order.selection, order.run_id, site.clock(), dry_run=order.dry_run)
    report = RedriveReport(run.redrive_id, State.RUNNING, run.tally, [])
    owed_s = 0.0
    try:
        while (source := _next_source(site, run, owed_s)) is not None:
            began, moved = site.clock(), len(report.batches)
            run = _source(site, order, run, source, report)
            records = sum(batch.records for batch in report.batches[moved:])
            owed_s = records / order.records_per_second - max(0.0, (site.clock() - began).total_seconds())
    except BaseException:
        _give_up(site, run)
        raise
    report.state = State.CANCELLED if site.stopped() else State.DONE
    site.store.finish(run, report.state, site.clock())
    log.info("redrive=%d state=%s dry_run=%s %s", run.redrive_id, report.state, run.dry_run, _counts(run.tally))
    return report


def _next_source(site: RedriveSite, run: Redrive, owed_s: float) -> Source | None:
    """Return what comes next, after the pause that is owed to the pace; None also when the redrive was told to stop."""
    if owed_s > 0 and site.store.next_source(run) is not None:
        left = owed_s
        while left > 0 and not site.stopped():
            site.sleep(min(left, LONGEST_NAP_S))
            left -= LONGEST_NAP_S
    return None if site.stopped() else site.store.next_source(run)


def _source(site: RedriveSite, order: RedriveOrder, run: Redrive, source: Source, report: RedriveReport) -> Redrive:
    """Try one source batch and record it; return the redrive with it behind."""
    tried = tuple(group for group in source.groups if group.attempts < order.max_attempts)
    exhausted = [group for group in source.groups if group.attempts >= order.max_attempts]
    for group in exhausted:
        log.warning(
            "skipped batch=%s reason=%s records=%d attempts=%d: set attempts to 0 once its cause is mended",
            *(source.batch_id, group.reason, group.records, group.attempts),
        )
    judged = _judged(site, replace(source, groups=tried)) if tried else Judgement((), (), ())
    batch = _stored(site, source, judged) if judged.events and not run.dry_run else None
    skipped = sum(group.records for group in exhausted)
    tally = run.tally.with_source(judged.retrials, skipped, judged.samples)
    run = replace(run, after=Place(source.drained_at, source.batch_id), tally=tally)
    site.store.record(run, judged.retrials, batch, site.clock())
    report.tally = tally
    if batch is not None:
        report.batches.append(batch)
    log.info(
        "redriven batch=%s into=%s considered=%d fixed=%d",
        *(source.batch_id, batch.batch_id if batch else None),
        *(sum(one.considered for one in judged.retrials), sum(len(one.fixed) for one in judged.retrials)),
    )
    return run


def _judged(site: RedriveSite, source: Source) -> Judgement:
    letters = from_parquet(site.objects.get(source.dlq_key))
    undecoded = any(group.stage == DECODE_STAGE for group in source.groups)
    whole = _whole(site, source) if undecoded else set()
    return judge_again(site.rules, source, letters, site.store.moved(source.batch_id), whole)


def _whole(site: RedriveSite, source: Source) -> set[str]:
    """Return the sequence numbers of records that the drain kept as one row."""
    try:
        raw = from_parquet(site.objects.get(source.raw_key), ["sequence_number"])
    except ConfigurationError as error:
        # `raw/` may be kept for a shorter time than `dlq/`; then no record is known to have been kept whole.
        log.warning("raw object gone batch=%s error=%s", source.batch_id, error)
        return set()
    rows = Counter(row["sequence_number"] for row in raw.to_pylist())
    return {number for number, count in rows.items() if count == 1}


def _stored(site: RedriveSite, source: Source, judged: Judgement) -> MicroBatch:
    batch, data = batch_of(site.rules.stream.name, source.shard_id, judged.events, origin_batch_id=source.batch_id)
    site.objects.put(batch.raw_key, data)
    return batch


def _give_up(site: RedriveSite, run: Redrive) -> None:
    try:
        site.store.finish(run, State.CANCELLED if site.stopped() else State.FAILED, site.clock())
    except CaliError as error:
        # It stays `running`, until the next redrive of the stream finds it.
        log.warning("redrive=%d could not be marked as ended: %s", run.redrive_id, error)


def _counts(tally: Tally) -> str:
    return (
        f"considered={tally.considered} fixed={tally.fixed} still_bad={tally.still_bad} skipped={tally.skipped} "
        f"reasons={dict(tally.reasons)}"
    )
