insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_to)
select %(stream)s::text || '_drain', %(run_id)s, %(now)s, least(min(greatest(last_arrived_at, caught_up_at)), %(now)s)
from cali.shard_checkpoints
where stream = %(stream)s and generation = 0 and state = 'open'
having count(*) > 0 and bool_and(greatest(last_arrived_at, caught_up_at) is not null)
on conflict do nothing
