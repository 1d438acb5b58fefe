update cali.micro_batches set compacted_key = %(object_key)s where batch_id = any(%(batch_ids)s)
