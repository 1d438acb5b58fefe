"""Housekeeping: objects past their retention, objects that nobody names, and rows that nobody needs."""
