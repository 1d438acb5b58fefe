update cali.redrives
set state = 'cancelled', finished_at = %(now)s
where stream = %(stream)s and state = 'running' and run_id <> %(run_id)s
