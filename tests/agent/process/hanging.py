"""An agent whose fetch and whose job hang, asked to stop; the process must leave all the same."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from pathlib import Path

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.events.decode import DecodePorts
from driftgauge.agent.jobs.schedule import Job, Schedule
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.process.leaving import LeaveDeadline
from driftgauge.agent.stream.in_memory import MemoryDeadLetters, MemorySource, MemoryTopic
from driftgauge.storage import Database, Store
from tests.agent.scorer import BrightnessScorer

EVENT = b'{"dataref": "http://camera.example/1.jpg", "id": "1", "source": "/a", "type": "t", '
EVENT += b'"specversion": "1.0"}'


def main(folder: Path) -> None:
    """Hang in a fetch and in a job, then leave."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    database = Database(f"sqlite:///{folder}/driftgauge.db")
    database.upgrade()
    store = Store(database)
    store.ensure_stream("line", "frames", 60)
    silent = socket.create_server(("127.0.0.1", 0))
    fetching, working, stop = threading.Event(), threading.Event(), threading.Event()

    def hang(begun: threading.Event) -> bytes:
        with socket.create_connection(silent.getsockname()[:2]) as connection:
            begun.set()
            return connection.recv(1)  # nobody ever answers

    topic = MemoryTopic("frames")
    topic.append(EVENT, headers={"content-type": b"application/cloudevents+json"})
    loop = AgentLoop(
        source=MemorySource(topic, auto_offset_reset="earliest"),
        dead_letters=MemoryDeadLetters(),
        scorer=BrightnessScorer(),
        store=store,
        clock=SystemClock(),
        settings=LoopSettings(stream="line", drain_seconds=0.5, close_seconds=0.5),
        ports=DecodePorts(fetch=lambda address: hang(fetching)),
        stop=stop,
    )

    def ask_to_stop() -> None:
        fetching.wait()
        working.wait()
        stop.set()

    threading.Thread(target=ask_to_stop).start()
    jobs = [Job("report", lambda: hang(working), 60)]
    with LeaveDeadline(stop), Schedule(jobs, on_failure=print, leave_seconds=0.5):
        loop.run()
    database.close()
    logging.getLogger(__name__).info("left")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
