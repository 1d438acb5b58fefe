select distinct hour
from cali.clean_batches
where stream = %(stream)s and hour < %(until)s and compacted_key is null
order by hour
