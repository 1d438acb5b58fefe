"""Silences, inhibitions and storms: what holds a group's message back, and what stands for it."""

from alembic import op

revision = "0015"
down_revision = "0014"

MUTES = """
-- Nobody is told of what matches until the time is over. A star stands for any characters; what is null matches all.
create table cali.alert_silences (
    id          bigint generated always as identity primary key,
    stream      text,
    service     text,
    level       text,
    fingerprint text check (fingerprint ~* '^[0-9a-f]{8,32}$'),
    title       text,
    until       timestamptz not null,
    who         text not null check (who <> ''),
    why         text not null check (why <> ''),
    created_at  timestamptz not null default now(),
    constraint means_something check (concat(stream, service, level, fingerprint, title) <> '')
);

-- While a group that the source means is open, those that the target means are mute.
create table cali.alert_inhibitions (
    id                 bigint generated always as identity primary key,
    source_stream      text,
    source_service     text,
    source_level       text,
    source_fingerprint text check (source_fingerprint ~* '^[0-9a-f]{8,32}$'),
    source_title       text,
    target_stream      text,
    target_service     text,
    target_level       text,
    target_fingerprint text check (target_fingerprint ~* '^[0-9a-f]{8,32}$'),
    target_title       text,
    enabled            boolean not null default true,
    who                text not null check (who <> ''),
    why                text not null check (why <> ''),
    created_at         timestamptz not null default now(),
    constraint source_means_something
        check (concat(source_stream, source_service, source_level, source_fingerprint, source_title) <> ''),
    constraint target_means_something
        check (concat(target_stream, target_service, target_level, target_fingerprint, target_title) <> '')
);

alter table cali.alert_groups
    add column held_by    text,
    add column held_why   text,
    add column held_since timestamptz,
    add column holding    text not null default '',
    add constraint held_since_a_time check ((held_by is null) = (held_since is null));
alter table cali.alert_groups drop constraint alert_groups_category_check;
alter table cali.alert_groups add constraint alert_groups_category_check
    check (category in ('record', 'quality', 'gap', 'silence', 'storm'));
create index alert_groups_held on cali.alert_groups (held_by) where held_by is not null;
create index alert_groups_untold on cali.alert_groups (opened_at) where announced_at is null;
create index alert_groups_opened on cali.alert_groups (opened_at);
create index alert_groups_storms on cali.alert_groups (id) where category = 'storm';

-- What is held back at present, by whom, and how much of it nobody was told of.
create view cali.alert_held_back as
select held_by, min(held_why) as why, count(*) as groups, sum(count - announced_count) as records,
       array(select distinct name from cali.alert_groups as held, unnest(held.services) as name
             where held.held_by = told.held_by order by name) as services,
       min(held_since) as since
from cali.alert_groups as told
where held_by is not null
group by held_by;
"""


def upgrade() -> None:
    """Create silences and inhibitions, and let groups say what holds them back."""
    op.execute(MUTES)
