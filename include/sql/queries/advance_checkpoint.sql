update cali.shard_checkpoints
set sequence_number = coalesce(%(sequence_number)s, sequence_number),
    state = %(state)s,
    last_arrived_at = coalesce(%(last_arrived_at)s, last_arrived_at),
    version = version + 1,
    updated_at = %(now)s
where stream = %(stream)s and generation = %(generation)s and shard_id = %(shard_id)s
  and version = %(expected_version)s and state = 'open'
