"""Schema registries: their framing, their client, Avro and Protobuf."""
