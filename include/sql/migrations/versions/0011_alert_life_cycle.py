"""The life of an alert group: one row a fingerprint for good, its states and its transitions."""

from alembic import op

revision = "0011"
down_revision = "0010"

MERGE = """
-- What were occurrences of one problem become one group: the newest takes the others' counts and messages along.
create temporary table kept_groups on commit drop as
select id, first_value(id) over (
    partition by stream, fingerprint order by state = 'open' desc, id desc
) as kept
from cali.alert_groups;

update cali.alert_outbox as message set group_id = kept_groups.kept
from kept_groups
where kept_groups.id = message.group_id and kept_groups.kept <> kept_groups.id;

update cali.alert_groups as known set
    count = known.count + former.count,
    announced_count = known.announced_count + former.count,
    replayed = known.replayed + former.replayed,
    batches = known.batches + former.batches,
    first_seen = least(known.first_seen, former.first_seen),
    opened_at = least(known.opened_at, former.opened_at),
    occurrences = 1 + former.groups
from (
    select kept_groups.kept, count(*)::integer as groups, sum(old.count)::bigint as count,
           sum(old.replayed)::bigint as replayed, sum(old.batches)::bigint as batches,
           min(old.first_seen) as first_seen, min(old.opened_at) as opened_at
    from kept_groups join cali.alert_groups as old using (id)
    where kept_groups.kept <> kept_groups.id
    group by kept_groups.kept
) as former
where known.id = former.kept;

delete from cali.alert_groups as old using kept_groups
where kept_groups.id = old.id and kept_groups.kept <> old.id;
"""

LIFE_CYCLE = """
alter table cali.alert_groups
    add column said             text not null default '',
    add column reopened_at      timestamptz,
    add column occurrences      integer not null default 1 check (occurrences > 0),
    -- Records a minute, which an escalating group is over.
    add column rate_bound       double precision,
    -- Records of each minute from trend_from on, by when they happened; an hour of them.
    add column trend            bigint[] not null default '{}',
    add column trend_from       timestamptz not null default 'epoch',
    -- What the message in Slack shows beside the count.
    add column announced_looks  text not null default 'new',
    add column acknowledged_by  text check (acknowledged_by <> ''),
    add column acknowledged_at  timestamptz,
    add column acknowledged_why text;
"""

STATES = """
drop index cali.alert_groups_one_open;
drop index cali.alert_groups_open_by_time;
alter table cali.alert_groups drop constraint alert_groups_state_check;
update cali.alert_groups set state = 'ongoing' where state = 'open';
update cali.alert_groups set state = 'resolved', announced_looks = 'resolved' where state = 'closed';
alter table cali.alert_groups
    alter column state set default 'new',
    add constraint alert_groups_state_check
        check (state in ('new', 'ongoing', 'escalating', 'resolved', 'regressed')),
    add constraint resolved_at_a_time check ((state = 'resolved') = (closed_at is not null));
create unique index alert_groups_one on cali.alert_groups (stream, fingerprint);
create index alert_groups_open_by_time on cali.alert_groups (updated_at) where state <> 'resolved';

-- Why a group is what it is: every step of its life.
create table cali.alert_transitions (
    id         bigint generated always as identity primary key,
    group_id   bigint not null references cali.alert_groups on delete cascade,
    from_state text,
    to_state   text not null,
    reason     text not null,
    said       text not null,
    at         timestamptz not null,
    batch_id   text
);
create index alert_transitions_by_group on cali.alert_transitions (group_id, at);

alter table cali.alert_outbox drop constraint alert_outbox_kind_check;
alter table cali.alert_outbox add constraint alert_outbox_kind_check
    check (kind in ('open', 'update', 'note', 'call', 'notice'));
alter table cali.alert_outbox drop constraint alert_outbox_state_check;
alter table cali.alert_outbox add constraint alert_outbox_state_check
    check (state in ('pending', 'sending', 'sent', 'parked', 'withdrawn'));
drop index cali.alert_outbox_one_waiting;
create unique index alert_outbox_one_waiting on cali.alert_outbox (dedup_key) where state not in ('sent', 'withdrawn');
"""


def upgrade() -> None:
    """Merge the occurrences of each problem, then give groups their states, transitions and replies."""
    op.execute(LIFE_CYCLE)
    op.execute(MERGE)
    op.execute(STATES)
