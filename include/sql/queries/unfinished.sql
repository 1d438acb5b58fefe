select count(*)
from cali.batch_stages
where stream = %(stream)s
  and ((state = 'pending' and next_attempt_at <= %(now)s) or (state = 'claimed' and lease_until <= %(now)s))
