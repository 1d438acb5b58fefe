"""Puts made-up records on a stream at a set pace, and keeps a journal of every record that the stream accepted.

``python -m include.simulator --help`` says how to use it. What the records are is the stream's own business: see
``registry`` for how a stream joins in.
"""
