update cali.redrives
set state = %(state)s, finished_at = %(now)s
where redrive_id = %(redrive_id)s and token = %(token)s and state = 'running'
