"""From a checked batch to few Slack messages.

::

    alertable_mask ─► group_events ─► AlertStore.apply ─► dispatch
    (filtering)       (grouping,       (store, decision:   (dispatch, rendering:
                       fingerprint)     counts + outbox     one message a group,
                                        in one transaction) edited in place)

What becomes of groups is decided by pure functions, which both stores ask (``plan``): how they grow (``growth``), their
states (``lifecycle``, ``rates``), what is held back (``holding``, ``muting``) and what stands for that (``summaries``).
"""
