insert into cali.shard_checkpoints (stream, generation, shard_id, parent_shard_ids, start_at, updated_at)
values (%(stream)s, %(generation)s, %(shard_id)s, %(parents)s, %(start_at)s, %(now)s)
on conflict do nothing
