update cali.redrives
set after_drained_at = %(after_drained_at)s, after_batch_id = %(after_batch_id)s,
    considered = %(considered)s, fixed = %(fixed)s, still_bad = %(still_bad)s, skipped = %(skipped)s,
    report = %(report)s
where redrive_id = %(redrive_id)s and token = %(token)s and state = 'running'
