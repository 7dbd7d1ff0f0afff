"""The composition root: the only room that builds real Kafka, SQL and torch objects."""
