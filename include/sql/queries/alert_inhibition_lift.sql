update cali.alert_inhibitions set enabled = false where id = %(id)s and enabled
