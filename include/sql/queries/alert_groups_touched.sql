-- A batch's own groups, those whose time has come, and those that a storm may hold back: locked, so that nobody changes
-- them between reading and writing.
select * from cali.alert_groups
where (stream, fingerprint) in (select * from unnest(%(streams)s::text[], %(fingerprints)s::text[]))
   or (state <> 'resolved' and updated_at <= %(quiet_since)s and category not in ('silence', 'storm'))
   or (announced_at is null and opened_at > %(storm_since)s)
   or category = 'storm'
order by id
for update
