select stream, hour, object_key, batches, records, bytes, batches_sha256, compacted_at, sealed_at
from cali.compactions
where stream = %(stream)s and hour < %(until)s and sealed_at is null
order by hour
