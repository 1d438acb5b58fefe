select max(lag_s) as lag_s, sum(waiting_records)::bigint as waiting
from cali.shard_lag
where state = 'open' and (%(stream)s::text is null or stream = %(stream)s)
