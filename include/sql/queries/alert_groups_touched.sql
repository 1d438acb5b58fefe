-- A batch's own groups, and those whose time has come: locked, so that nobody changes them between reading and writing.
select * from cali.alert_groups
where (stream, fingerprint) in (select * from unnest(%(streams)s::text[], %(fingerprints)s::text[]))
   or (state <> 'resolved' and updated_at <= %(quiet_since)s)
   or (state = 'escalating' and %(calming)s)
order by id
for update
