delete from cali.alert_silences
where id in (select id from cali.alert_silences where until < %(before)s limit %(limit)s)
