select cali.transactions_forget_days(%(midnight)s)
