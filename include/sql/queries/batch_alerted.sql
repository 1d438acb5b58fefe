update cali.micro_batches
set alertable = %(alertable)s, filtered = %(filtered)s, alerted_at = %(now)s
where batch_id = %(batch_id)s
