"""A pace of its own for edits: a channel keeps room for what is new."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add until when a channel takes no edit; what is new is held by ``next_send_at`` alone."""
    op.execute("alter table cali.slack_channels add column next_update_at timestamptz")
