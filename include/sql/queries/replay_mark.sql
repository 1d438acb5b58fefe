with drained as (
    select count(*) as batches, coalesce(sum(records), 0) as records
    from cali.micro_batches
    where stream = %(stream)s and generation = %(generation)s
)
update cali.replays as replay
set state = case when replay.state = 'done' then 'done' else %(state)s end,
    last_error = case when replay.state = 'done' then null else %(error)s end,
    finished_at = case when replay.state = 'done' then finished_at when %(state)s = 'running' then null else %(now)s end,
    batches = drained.batches,
    records = drained.records
from drained
where replay.stream = %(stream)s and replay.generation = %(generation)s
returning replay.*
