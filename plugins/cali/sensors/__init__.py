"""Sensors for anybody's DAG."""
