"""Generations: a replay drains again, beside the live checkpoints and batches."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing yet."""
