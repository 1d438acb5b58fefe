"""Redrive: dead letters are judged by the present model, and the good ones become a batch like any other."""
