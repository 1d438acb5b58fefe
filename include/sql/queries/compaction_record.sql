insert into cali.compactions (stream, hour, object_key, batches, records, bytes, batches_sha256, compacted_at)
values (%(stream)s, %(hour)s, %(object_key)s, %(batches)s, %(records)s, %(bytes)s, %(batches_sha256)s, %(compacted_at)s)
on conflict (stream, hour) do update set
    batches = excluded.batches,
    records = excluded.records,
    bytes = excluded.bytes,
    batches_sha256 = excluded.batches_sha256,
    compacted_at = excluded.compacted_at
