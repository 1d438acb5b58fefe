update cali.shard_checkpoints as held
set caught_up_at = greatest(held.caught_up_at, tip.at)
from unnest(%(shard_ids)s::text[], %(moments)s::timestamptz[]) as tip (shard_id, at)
where held.stream = %(stream)s and held.generation = %(generation)s and held.shard_id = tip.shard_id
