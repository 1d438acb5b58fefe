select distinct hour
from cali.clean_batches
where stream = %(stream)s and hour >= %(since)s and hour < %(until)s
order by hour
