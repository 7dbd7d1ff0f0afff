"""The two Kafka clients alone: how fast each reads a topic, and at what cost."""

from __future__ import annotations

import time

from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as ConfluentPartition
from kafka import KafkaConsumer, TopicPartition  # noqa: TID251 - its own cost is what is measured

from driftgauge.agent.stream.connection import KafkaConnection

FETCH_BYTES = 8 * 1024 * 1024


def kafka_python_rate(connection: KafkaConnection, topic: str, n: int) -> tuple[float, float]:
    """Return messages a second and CPU seconds a message of kafka-python, set as the agent sets it."""
    consumer = KafkaConsumer(
        **connection.options(),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=100_000,
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek(place, 0)
    seen, began, cpu = 0, time.perf_counter(), time.process_time()
    while seen < n:
        seen += sum(len(batch) for batch in consumer.poll(timeout_ms=200).values())
    took, used = time.perf_counter() - began, time.process_time() - cpu
    consumer.close()
    return seen / took, used / seen


def confluent_rate(connection: KafkaConnection, topic: str, n: int) -> tuple[float, float]:
    """Return the same of confluent-kafka (librdkafka)."""
    consumer = Consumer(
        {
            "bootstrap.servers": ",".join(connection.bootstrap_servers),
            "group.id": f"{topic}-confluent",
            "enable.auto.commit": False,
            "check.crcs": True,
            "fetch.max.bytes": FETCH_BYTES,
            "max.partition.fetch.bytes": FETCH_BYTES,
        }
    )
    consumer.assign([ConfluentPartition(topic, 0, 0)])
    seen, began, cpu = 0, time.perf_counter(), time.process_time()
    while seen < n:
        seen += sum(1 for message in consumer.consume(500, 0.2) if message.error() is None)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    consumer.close()
    return seen / took, used / seen
