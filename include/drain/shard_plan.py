"""Which shards may be read now."""

from collections.abc import Mapping

from include.records import Checkpoint


def readable(checkpoints: Mapping[str, Checkpoint]) -> list[Checkpoint]:
    """Return the open shards whose parents are all drained to their end, in the order of their ids.

    A parent without a checkpoint has left the stream by retention and holds nobody back. Reading a child before its
    parent would hand on a key's newer records before its older ones.
    """
    return [
        checkpoint
        for _, checkpoint in sorted(checkpoints.items())
        if not checkpoint.closed
        and all(checkpoints[parent].closed for parent in checkpoint.parent_shard_ids if parent in checkpoints)
    ]
