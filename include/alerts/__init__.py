"""From a checked batch to few Slack messages.

::

    alertable_mask ─► group_events ─► AlertStore.apply ─► dispatch
    (filtering)       (grouping,       (store, decision:   (dispatch, rendering:
                       fingerprint)     counts + outbox     one message a group,
                                        in one transaction) edited in place)
"""
