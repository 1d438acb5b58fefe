select stream, fingerprint
from cali.alert_groups
where state <> 'resolved' and fingerprint_version < %(version)s and updated_at > %(quiet_since)s
