"""Lanes: several drains share a stream's shards, each shard in exactly one of them, and nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.drain.buffer import BufferHints
from include.drain.drain import DrainReport
from include.drain.lanes import Lane, lane_of
from include.errors import ConfigurationError, FencedError
from tests.include.drain.world import SHARD, World

if TYPE_CHECKING:
    from collections.abc import Callable


def lanes_of(many: int) -> list[Lane]:
    """Return all of so many lanes."""
    return [Lane(number, many) for number in range(many)]


def shard(number: int) -> str:
    """Return the id of a stream's n-th shard."""
    return f"shardId-{number:012d}"


# -- which shard is whose ----------------------------------------------------------------------------------------------


@given(st.from_regex(r"[a-zA-Z0-9_.-]{1,128}", fullmatch=True), st.integers(1, 64))
def test_every_shard_is_in_exactly_one_lane(shard_id: str, many: int) -> None:
    """Whatever Kinesis calls a shard, one lane has it."""
    assert [lane.has(shard_id) for lane in lanes_of(many)].count(True) == 1


@given(st.integers(0, 10**6), st.integers(1, 64), st.integers(1, 64))
def test_shards_that_were_born_together_are_spread_evenly(first: int, shards: int, many: int) -> None:
    """A stream as it was made, or as it is after a new number of shards, differs by one shard a lane at most."""
    counts = Counter(lane_of(shard(first + number), many) for number in range(shards))
    assert max(counts.values()) - min(counts[lane] for lane in range(many)) <= 1


@pytest.mark.parametrize(("number", "lanes"), [(2, 2), (-1, 2), (0, 0)])
def test_a_lane_that_does_not_exist_is_refused(number: int, lanes: int) -> None:
    """A lane that nobody else counts would drain nothing, in silence."""
    with pytest.raises(ConfigurationError, match=f"Lane {number} of {lanes}"):
        Lane(number, lanes)


# -- what a lane drains ------------------------------------------------------------------------------------------------


def test_a_lane_reads_its_own_shards_and_leaves_the_others_alone() -> None:
    """Each drains, and moves, what is its own."""
    world = World(shards=4)
    for number in range(4):
        world.put(b"%d" % number, shard=shard(number))
    reports = [world.drain(lane=lane) for lane in lanes_of(2)]
    assert [[batch.shard_id for batch in report.batches] for report in reports] == [
        [shard(0), shard(2)],
        [shard(1), shard(3)],
    ]
    assert world.stored() == [b"0", b"2", b"1", b"3"]


def test_a_lane_tells_the_tips_of_its_own_shards_only() -> None:
    """What another lane has not read must not count as drained until now."""
    world = World(shards=2)
    world.drain(lane=Lane(0, 2))
    tips = {shard_id: held.caught_up_at for shard_id, held in world.ledger.checkpoints("logs").items()}
    assert tips == {shard(0): world.clock.now, shard(1): None}


def test_a_lane_without_shards_drains_nothing() -> None:
    """More lanes than shards do no harm."""
    world = World()
    world.put(b"1")
    assert [world.drain(lane=lane).records for lane in lanes_of(3)] == [1, 0, 0]


def test_a_child_in_another_lane_waits_for_its_parent() -> None:
    """Children are read after their parents, whichever lanes they are in; their own lane finds them in its next run."""
    world = World(shards=2)
    world.put(b"parent")
    left, right = world.stream.split(SHARD)
    world.put(b"left", shard=left)
    world.put(b"right", shard=right)
    one, zero = Lane(lane_of(right, 2), 2), Lane(lane_of(left, 2), 2)
    assert (one.number, zero.number) == (1, 0)
    assert [world.drain(lane=lane).records for lane in (one, zero, one)] == [0, 2, 1]
    assert world.stored() == [b"parent", b"left", b"right"]


def test_the_children_of_a_shard_are_known_before_it_is_closed() -> None:
    """Another lane that tells how far the stream is drained never sees a parent closed and no child."""
    world = World()
    world.drain()
    world.put(b"1")
    listed: list[set[str]] = []

    def split_and_look(then: Callable[..., None]) -> Callable[..., None]:
        def commit(*arguments: object) -> None:
            listed.append(set(world.ledger.checkpoints("logs")))
            then(*arguments)

        return commit

    page = world.stream.page

    def split_meanwhile(*arguments: object) -> object:
        world.stream.page = page  # type: ignore[method-assign]
        world.stream.split(SHARD)
        return page(*arguments)  # type: ignore[arg-type]

    world.stream.page = split_meanwhile  # type: ignore[method-assign, assignment]
    world.ledger.commit_drain = split_and_look(world.ledger.commit_drain)  # type: ignore[method-assign]
    assert world.drain().closed_shards == [SHARD]
    assert listed == [{SHARD, shard(1), shard(2)}]


# -- lanes that disagree -----------------------------------------------------------------------------------------------


class Busy(World):
    """A world in which another lane does a whole run between what a lane has read and what it commits."""

    def __init__(self, shards: int = 1) -> None:
        super().__init__(shards)
        self.meanwhile: Callable[[], object] | None = None
        commit = self.ledger.commit_drain

        def interrupted(*arguments: object) -> None:
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            commit(*arguments)  # type: ignore[arg-type]

        self.ledger.commit_drain = interrupted  # type: ignore[method-assign]


def test_of_two_lanes_that_both_take_a_shard_the_slower_commits_nothing() -> None:
    """A run of two lanes and one of three, as while the setting changes, fence each other and double nothing."""
    world = Busy(shards=4)
    for number in range(4):
        world.put(b"%d" % number, shard=shard(number))
    theirs: list[DrainReport] = []
    world.meanwhile = lambda: theirs.append(world.drain(lane=Lane(0, 3)))
    with pytest.raises(FencedError, match=shard(0)):
        world.drain(lane=Lane(0, 2))
    assert [batch.shard_id for report in theirs for batch in report.batches] == [shard(0), shard(3)]
    assert sorted(world.stored()) == [b"0", b"2", b"3"]
    world.drain(lane=Lane(1, 2))
    assert sorted(world.stored()) == [b"0", b"1", b"2", b"3"]


class Put(NamedTuple):
    """Put so many records on one of the open shards."""

    where: int
    many: int


class Reshard(NamedTuple):
    """Split one of the open shards, or merge it with another."""

    where: int
    how: Literal["split", "merge"]


class Drain(NamedTuple):
    """Do a lane's run; ``meanwhile`` another lane does a whole one."""

    lane: Lane
    meanwhile: Lane | None


any_lane = st.integers(1, 4).flatmap(lambda many: st.builds(Lane, st.integers(0, many - 1), st.just(many)))
"""Any lane of any number of lanes: those that are at work at the same time need not agree."""
any_step = st.one_of(
    st.builds(Put, st.integers(0, 9), st.integers(1, 3)),
    st.builds(Reshard, st.integers(0, 9), st.sampled_from(["split", "merge"])),
    st.builds(Drain, any_lane, st.none() | any_lane),
)


@settings(max_examples=150, deadline=None)
@given(shards=st.integers(1, 5), plan=st.lists(any_step, max_size=40), many=st.integers(1, 4))
def test_nothing_is_lost_or_doubled_or_read_before_its_parent(
    shards: int, plan: list[Put | Reshard | Drain], many: int
) -> None:
    """Any tree of shards, any order of lanes, lanes in the middle of each other: each record once and in its order."""
    world = Busy(shards)
    put: dict[str, list[bytes]] = {}
    numbers = map(b"%d".__mod__, range(10**6))
    for step in plan:
        if isinstance(step, Drain):
            world.meanwhile = partial(_run, world, step.meanwhile, 3) if step.meanwhile else None
            _run(world, step.lane)
            world.meanwhile = None
            continue
        chosen = world.open_shards()[step.where % len(world.open_shards())]
        if isinstance(step, Put):
            payloads = [next(numbers) for _ in range(step.many)]
            world.put(*payloads, shard=chosen)
            put.setdefault(chosen, []).extend(payloads)
        else:
            _reshard(world, step.how, chosen)
    _drain_all(world, lanes_of(many))
    assert _stored_by_shard(world) == put
    assert _read_before_a_parent(world) == []


def _run(world: World, lane: Lane, max_records: int = 2) -> None:
    with suppress(FencedError):
        world.drain(BufferHints(max_records=max_records), lane=lane)


def _reshard(world: World, how: str, chosen: str) -> None:
    others = [other for other in world.open_shards() if other != chosen]
    if how == "split":
        world.stream.split(chosen)
    elif others:
        world.stream.merge(chosen, others[0])


def _drain_all(world: World, sharing: list[Lane]) -> None:
    """Run all lanes until a round finds nothing; children in other lanes than their parents come a round later."""
    reports = [DrainReport(closed_shards=["not looked yet"])]
    while any(report.batches or report.closed_shards for report in reports):
        reports = [world.drain(lane=one) for one in sharing]


def _stored_by_shard(world: World) -> dict[str, list[bytes]]:
    held: dict[str, list[bytes]] = {}
    for state, data in zip(world.ledger.batches.values(), world.stored_batches(), strict=True):
        held.setdefault(state.batch.shard_id, []).extend(data)
    return held


def _read_before_a_parent(world: World) -> list[tuple[str, str]]:
    """Return each child that has a batch before one of its parent's, with the parent."""
    order = [state.batch.shard_id for state in world.ledger.batches.values()]
    return [
        (parent, one.shard_id)
        for one in world.stream.shards("app-logs")
        for parent in one.parent_shard_ids
        if one.shard_id in order and parent in order[order.index(one.shard_id) :]
    ]
