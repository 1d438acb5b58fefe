select told.severity || ' ' || told.service || ': ' || told.title
from cali.alert_outbox as outbox
join cali.alert_groups as told on told.id = outbox.group_id
where told.stream = %(stream)s and outbox.state = 'sent'
order by outbox.sent_at desc
limit 1
