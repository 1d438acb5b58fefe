insert into cali.alert_groups as known (
    stream, category, fingerprint, fingerprint_version, severity, severity_rank, service, title, count, replayed,
    first_seen, last_seen, opened_at, updated_at, services, pods, versions, sample, batch_id, run_url, channel,
    latest_shard_id, latest_sequence_number, latest_sub_sequence, latest_arrived_at
)
values (
    %(stream)s, %(category)s, %(fingerprint)s, %(fingerprint_version)s, %(severity)s, %(severity_rank)s,
    %(service)s, %(title)s, %(count)s, %(replayed)s, %(first_seen)s, %(last_seen)s, %(now)s, %(now)s, %(services)s, %(pods)s,
    %(versions)s, %(sample)s, %(batch_id)s, %(run_url)s, %(channel)s, %(latest_shard_id)s,
    %(latest_sequence_number)s, %(latest_sub_sequence)s, %(latest_arrived_at)s
)
on conflict (stream, fingerprint) where state = 'open' do update set
    severity = case when excluded.severity_rank < known.severity_rank then excluded.severity else known.severity end,
    severity_rank = least(known.severity_rank, excluded.severity_rank),
    count = known.count + excluded.count,
    replayed = known.replayed + excluded.replayed,
    batches = known.batches + 1,
    first_seen = least(known.first_seen, excluded.first_seen),
    last_seen = greatest(known.last_seen, excluded.last_seen),
    updated_at = greatest(known.updated_at, excluded.updated_at),
    services = array(select distinct unnest(known.services || excluded.services) collate "C" as name order by name limit %(most)s),
    pods = array(select distinct unnest(known.pods || excluded.pods) collate "C" as name order by name limit %(most)s),
    versions = array(select distinct unnest(known.versions || excluded.versions) collate "C" as name order by name limit %(most)s),
    batch_id = excluded.batch_id,
    run_url = excluded.run_url,
    latest_shard_id = excluded.latest_shard_id,
    latest_sequence_number = excluded.latest_sequence_number,
    latest_sub_sequence = excluded.latest_sub_sequence,
    latest_arrived_at = excluded.latest_arrived_at
returning *
