insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_to)
select 'consumer_batch', %(run_id)s, %(now)s, least(
    min(greatest(last_arrived_at, caught_up_at)),
    (
        select min(batches.first_arrived_at)
        from cali.batch_stages as stages
        join cali.micro_batches as batches using (batch_id)
        where stages.state <> 'done' and stages.stream = any(%(streams)s) and batches.generation = 0
          and batches.origin_batch_id is null
    ),
    %(now)s
)
from cali.shard_checkpoints
where stream = any(%(streams)s) and generation = 0 and state = 'open'
having count(*) > 0 and bool_and(greatest(last_arrived_at, caught_up_at) is not null)
on conflict do nothing
