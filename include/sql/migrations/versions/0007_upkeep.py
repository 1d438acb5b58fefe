"""Upkeep: compacted hours, and the figures of the ledger as views."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
