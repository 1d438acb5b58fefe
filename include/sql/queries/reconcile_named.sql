select raw_key from cali.micro_batches where raw_key = any(%(keys)s)
