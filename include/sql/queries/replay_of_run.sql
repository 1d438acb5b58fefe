select * from cali.replays where stream = %(stream)s and requested_by = %(run_id)s
