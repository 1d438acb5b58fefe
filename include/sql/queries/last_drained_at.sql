select max(drained_at)
from cali.micro_batches
where stream = %(stream)s and generation = %(generation)s and origin_batch_id is null
