select sequence_number, sub_sequence from cali.redriven_records where batch_id = %(batch_id)s
