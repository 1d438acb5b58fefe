"""Redrives: dead letters that were judged again, and what became of them."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
