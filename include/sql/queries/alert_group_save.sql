with saved as (
    insert into cali.alert_groups (
        stream, category, fingerprint, fingerprint_version, severity, severity_rank, service, title, state, said, count,
        replayed, batches, first_seen, last_seen, opened_at, updated_at, closed_at, reopened_at, occurrences, rate_bound,
        trend, trend_from, services, pods, versions, sample, batch_id, run_url, channel, latest_shard_id,
        latest_sequence_number, latest_sub_sequence, latest_arrived_at, acknowledged_by, acknowledged_at, acknowledged_why,
        held_by, held_why, held_since, first_held_at, holding
    )
    values (
        %(stream)s, %(category)s, %(fingerprint)s, %(fingerprint_version)s, %(severity)s, %(severity_rank)s, %(service)s,
        %(title)s, %(state)s, %(said)s, %(count)s, %(replayed)s, %(batches)s, %(first_seen)s, %(last_seen)s,
        %(opened_at)s, %(updated_at)s, %(closed_at)s, %(reopened_at)s, %(occurrences)s, %(rate_bound)s, %(trend)s,
        %(trend_from)s, %(services)s, %(pods)s, %(versions)s, %(sample)s, %(batch_id)s, %(run_url)s, %(channel)s,
        %(latest_shard_id)s, %(latest_sequence_number)s, %(latest_sub_sequence)s, %(latest_arrived_at)s,
        %(acknowledged_by)s, %(acknowledged_at)s, %(acknowledged_why)s, %(held_by)s, %(held_why)s, %(held_since)s,
        %(first_held_at)s, %(holding)s
    )
    on conflict (stream, fingerprint) do update set
        fingerprint_version = excluded.fingerprint_version,
        severity = excluded.severity,
        severity_rank = excluded.severity_rank,
        state = excluded.state,
        said = excluded.said,
        count = excluded.count,
        replayed = excluded.replayed,
        batches = excluded.batches,
        first_seen = excluded.first_seen,
        last_seen = excluded.last_seen,
        updated_at = excluded.updated_at,
        closed_at = excluded.closed_at,
        reopened_at = excluded.reopened_at,
        occurrences = excluded.occurrences,
        rate_bound = excluded.rate_bound,
        trend = excluded.trend,
        trend_from = excluded.trend_from,
        services = excluded.services,
        pods = excluded.pods,
        versions = excluded.versions,
        batch_id = excluded.batch_id,
        run_url = excluded.run_url,
        latest_shard_id = excluded.latest_shard_id,
        latest_sequence_number = excluded.latest_sequence_number,
        latest_sub_sequence = excluded.latest_sub_sequence,
        latest_arrived_at = excluded.latest_arrived_at,
        acknowledged_by = excluded.acknowledged_by,
        acknowledged_at = excluded.acknowledged_at,
        acknowledged_why = excluded.acknowledged_why,
        held_by = excluded.held_by,
        held_why = excluded.held_why,
        held_since = excluded.held_since,
        first_held_at = excluded.first_held_at,
        holding = excluded.holding,
        title = excluded.title,
        sample = excluded.sample
    returning id
),
noted as (
    insert into cali.alert_transitions (group_id, from_state, to_state, reason, said, at, batch_id)
    select saved.id, moved.from_state, moved.to_state, moved.reason, moved.said, moved.at, moved.batch_id
    from saved, jsonb_to_recordset(%(transitions)s) as moved (
        from_state text, to_state text, reason text, said text, at timestamptz, batch_id text
    )
)
select id from saved
