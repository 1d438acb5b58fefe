select stage, reason, records, sample, redrive_state
from cali.dead_letters
where batch_id = %(batch_id)s
order by records desc, stage, reason
