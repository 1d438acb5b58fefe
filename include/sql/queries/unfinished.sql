select count(*)
from cali.batch_stages
where stream = %(stream)s
  and (%(stage)s::text is null or stage = %(stage)s)
  and ((state = 'pending' and next_attempt_at <= %(now)s) or (state = 'claimed' and lease_until <= %(now)s))
