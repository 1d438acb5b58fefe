select extract(epoch from %(now)s - max(last_arrived_at))::double precision
from cali.micro_batches
where stream = %(stream)s and generation = 0
