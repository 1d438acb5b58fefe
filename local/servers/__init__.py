"""The embedded servers of the one-machine stack: one module per server, pinned, all on loopback."""
