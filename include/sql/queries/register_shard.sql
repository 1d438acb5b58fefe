insert into cali.shard_checkpoints (stream, generation, shard_id, parent_shard_ids, start_at, shard_start, updated_at)
values (%(stream)s, %(generation)s, %(shard_id)s, %(parents)s, %(start_at)s, %(shard_start)s, %(now)s)
on conflict on constraint shard_checkpoints_pkey do update set parent_shard_ids = excluded.parent_shard_ids
