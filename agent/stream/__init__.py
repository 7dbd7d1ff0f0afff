"""Kafka: where events come from and where unusable ones go; a broker in memory for tests."""
