with due as (
    select stages.batch_id, stages.stage
    from cali.batch_stages as stages
    join cali.micro_batches as batches using (batch_id)
    where stages.stream = %(stream)s and stages.stage = %(stage)s
      and (
          (stages.state = 'pending' and stages.next_attempt_at <= %(now)s)
          or (stages.state = 'claimed'
              and (stages.lease_until <= %(now)s or stages.claimed_by = %(owner)s))
      )
    -- Live batches first: an incident does not wait behind a replay.
    order by batches.generation > 0, batches.drained_at, batches.batch_id
    limit %(limit)s
    for update of stages skip locked
),
taken as (
    update cali.batch_stages as stages
    set state = 'claimed', claimed_by = %(owner)s, lease_until = %(lease_until)s, attempts = stages.attempts + 1
    from due
    where stages.batch_id = due.batch_id and stages.stage = due.stage
    returning stages.batch_id, stages.stage, stages.attempts
)
select batches.batch_id, batches.stream, batches.generation, batches.shard_id, taken.stage, taken.attempts as token,
       batches.records, batches.valid, batches.raw_key, batches.staged_key, batches.first_arrived_at, batches.last_arrived_at,
       -- A replay stays silent unless it was asked for alerts.
       coalesce(replays.alerts, batches.generation = 0) as alerts
from taken
join cali.micro_batches as batches using (batch_id)
left join cali.replays as replays on replays.stream = batches.stream and replays.generation = batches.generation
order by batches.generation > 0, batches.drained_at, batches.batch_id
