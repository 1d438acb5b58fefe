"""Gaps: what a stream lost before it was read, and until when a shard is known to be drained."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
