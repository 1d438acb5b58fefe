update cali.redrives
set state = 'running', token = token + 1, finished_at = null
where run_id = %(run_id)s and state <> 'done'
returning *
