select stage, state, attempts, last_error, done_at
from cali.batch_stages
where batch_id = %(batch_id)s
order by array_position(array['validate', 'alert', 'audit'], stage)
