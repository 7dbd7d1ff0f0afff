"""An agent in a process of its own: everything real but the model.

Run as ``python -m tests.crash.agent ADDRESS PROFILE TOPIC DATABASE``; it prints ``ready`` and runs until it
is asked to stop or killed.
"""

from __future__ import annotations

import logging
import sys
from typing import cast

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.loop import AgentLoop
from driftgauge.agent.loop_settings import LoopSettings
from driftgauge.agent.signals import stopping_on_signals
from driftgauge.agent.stream.connection import KafkaConnection, Profile
from driftgauge.agent.stream.consumer import ConsumerSettings
from driftgauge.agent.stream.dead_letter import KafkaDeadLetters
from driftgauge.agent.stream.kafka import KafkaSource
from driftgauge.storage import Database, Store

from ..agent.scorer import BrightnessScorer

STREAM = "line"


def main(address: str, profile: Profile, topic: str, url: str) -> None:
    """Read *topic* into the database at *url*."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    connection = KafkaConnection(bootstrap_servers=(address,), profile=profile)
    settings = LoopSettings(
        stream=STREAM,
        decode=DecodeSettings(segment_headers=("camera",)),
        max_images=8,
        max_delay_seconds=0.05,
        flush_interval_seconds=0.1,
        poll_seconds=0.05,
    )
    database = Database(url)
    with stopping_on_signals() as stop:
        loop = AgentLoop(
            source=KafkaSource(
                connection,
                topic=topic,
                group_id=topic,
                settings=ConsumerSettings(
                    auto_offset_reset="earliest",
                    session_timeout_seconds=2,
                    heartbeat_interval_seconds=0.3,
                    fetch_max_bytes=65_536,
                ),
            ),
            dead_letters=KafkaDeadLetters(connection, topic=f"{topic}.dlq"),
            scorer=BrightnessScorer(),
            store=Store(database),
            clock=SystemClock(),
            settings=settings,
            stop=stop,
        )
        print("ready", flush=True)  # noqa: T201 - the test waits for it
        loop.run()
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], cast("Profile", sys.argv[2]), *sys.argv[3:])
