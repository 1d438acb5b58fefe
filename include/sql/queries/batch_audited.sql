update cali.micro_batches
set clean_key = %(clean_key)s, state = %(state)s, audited_at = %(now)s
where batch_id = %(batch_id)s
