"""The embedded stack for one machine: pinned servers, a supervisor, the verbs of the Makefile."""
