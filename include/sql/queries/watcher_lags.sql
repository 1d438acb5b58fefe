-- As in cali.shard_lag: what arrived longer ago is drained, so nothing is later than that.
select stream, max(extract(epoch from now() - greatest(last_arrived_at, caught_up_at)))::double precision
from cali.shard_checkpoints
where generation = 0 and state = 'open' and greatest(last_arrived_at, caught_up_at) is not null
group by stream
