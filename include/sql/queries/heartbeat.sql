insert into cali.heartbeats as known (name, beat_at)
values (%(name)s, %(now)s)
on conflict (name) do update set beat_at = greatest(known.beat_at, excluded.beat_at)
