"""Lanes: which of a stream's shards are read by which of several drains at work at the same time."""

import re
from dataclasses import dataclass
from zlib import crc32

from include.errors import ConfigurationError

NUMBER = re.compile(r"[0-9]+$")


def lane_of(shard_id: str, lanes: int) -> int:
    """Return the lane, from 0 on, that has a shard.

    It depends on the shard's id alone, so that lanes agree whatever each has seen of the stream. Kinesis numbers a
    stream's shards in the order of their birth: a stream as it was made, and the halves of a split, lie in different
    lanes.
    """
    number = NUMBER.search(shard_id)
    return (int(number[0]) if number else crc32(shard_id.encode())) % lanes


@dataclass(frozen=True, slots=True)
class Lane:
    """One of ``lanes`` lanes, counted from 0 on.

    Raises:
        ConfigurationError: there is no such lane.
    """

    number: int
    lanes: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.lanes:
            raise ConfigurationError(f"Lane {self.number} of {self.lanes} is not allowed: lanes are counted from 0 on")

    def has(self, shard_id: str) -> bool:
        """Return whether the shard is this lane's."""
        return lane_of(shard_id, self.lanes) == self.number


EVERY_SHARD = Lane(0, 1)
"""The only lane of a stream that is drained by one task."""
