update cali.shard_checkpoints
set sequence_number = coalesce(%(sequence_number)s, case when not %(rewound)s then sequence_number end),
    start_at = case when not %(rewound)s then start_at end,
    state = %(state)s,
    shard_start = coalesce(%(shard_start)s, shard_start),
    last_arrived_at = coalesce(%(last_arrived_at)s, last_arrived_at),
    caught_up_at = greatest(caught_up_at, %(caught_up_at)s),
    version = version + 1,
    updated_at = %(now)s
where stream = %(stream)s and generation = %(generation)s and shard_id = %(shard_id)s
  and version = %(expected_version)s and (state = 'open' or %(rewound)s)
