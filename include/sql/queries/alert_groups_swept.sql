-- Those whose time has come, and all that is held back, may be, or stands for what is.
select * from cali.alert_groups
where (state <> 'resolved' and (
          updated_at <= %(quiet_since)s
          or state = 'escalating'
          or category in ('silence', 'storm')
          or exists (select from cali.alert_silences where until > %(now)s)
          or exists (select from cali.alert_inhibitions where enabled)
      ))
   or held_by is not null
   or holding <> ''
   or acknowledged_by is not null
   or announced_looks like '%%acknowledged by%%'
   or category = 'storm'
order by id
for update
