"""Reconciliations: what was compared with what, and what differed."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""
