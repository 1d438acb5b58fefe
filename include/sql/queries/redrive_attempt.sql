update cali.dead_letters
set redriven_records = redriven_records + %(fixed)s,
    attempts = case when %(fixed)s > 0 then 0 else attempts + 1 end,
    last_attempt_at = %(now)s,
    redrive_state = case when redriven_records + %(fixed)s = records then 'redriven' else redrive_state end
where batch_id = %(batch_id)s and stage = %(stage)s and reason = %(reason)s and redrive_state = 'open'
