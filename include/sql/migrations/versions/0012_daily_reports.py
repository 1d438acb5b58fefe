"""Daily reports: what arrived on a day, by service and level, and where its report lies."""

from alembic import op

revision = "0012"
down_revision = "0011"

REPORTS = """
-- A day is one of the place: from midnight to midnight there.
create table cali.daily_reports (
    day         date primary key,
    time_zone   text not null,
    from_at     timestamptz not null,
    to_at       timestamptz not null check (to_at > from_at),
    records     bigint not null check (records >= 0),
    parquet_key text not null,
    html_key    text not null,
    run_id      text not null,
    written_at  timestamptz not null
);

create table cali.daily_log_summary (
    day              date not null references cali.daily_reports on delete cascade,
    service          text not null,
    level            text not null,
    records          bigint not null check (records > 0),
    first_arrived_at timestamptz not null,
    last_arrived_at  timestamptz not null check (last_arrived_at >= first_arrived_at),
    primary key (day, service, level)
);
"""

ENABLED = """
update cali.sla_definitions
set enabled = true, description = 'Yesterday is aggregated by nine o''clock.'
where pipeline_name = 'daily_aggregation' and sla_type = 'daily' and not enabled
  -- Somebody who has touched it meanwhile knows what they want.
  and (select count(*) from cali.sla_definition_versions as versions
       where versions.definition_id = sla_definitions.definition_id) = 1;
"""


def upgrade() -> None:
    """Create the daily reports, and enable the service level that watches them."""
    op.execute(REPORTS)
    op.execute(ENABLED)
