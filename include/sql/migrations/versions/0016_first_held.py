"""When a group was first held back stays known once it is let go: its message then says nothing of our pace."""

from alembic import op

revision = "0016"
down_revision = "0015"

FIRST_HELD = """
alter table cali.alert_groups add column first_held_at timestamptz;
update cali.alert_groups set first_held_at = held_since;
"""


def upgrade() -> None:
    """Add the column."""
    op.execute(FIRST_HELD)
