update cali.alert_silences set until = %(now)s where id = %(id)s and until > %(now)s
