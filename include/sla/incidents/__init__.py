"""Incidents: what people are told of a broken service level, once when it begins and once when it is over."""
