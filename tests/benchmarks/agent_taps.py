"""The agent on tap events: no picture to decode and no forward pass, all else as in production."""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.hook.attachment import attach
from driftgauge.agent.model.reader import LayerReader
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.wiring.model import build_model
from driftgauge.detector import load_detector
from driftgauge.detector.moment import layers_of

from ..broker import Broker
from .agent_rig import RealAgent, Topic, fitted_settings, frames, turn_until_counted
from .table import Figure

Result = tuple[list[dict[str, object]], list[Figure]]
GOAL = 5_000
BATCH = 16


class Recorder:
    """In the place of a producer: keeps what the hook would send."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.headers: dict[str, bytes] = {}

    def send(self, topic: str, *, value: bytes, headers: Any) -> None:
        self.values.append(value)
        self.headers = dict(headers)

    def flush(self, timeout: float | None = None) -> None:
        """Nothing waits."""


def passes(settings: Settings, images: Sequence[bytes]) -> Recorder:
    """Return what ``attach`` sends while the model sees *images*, a message a batch."""
    loaded = build_model(settings)
    (folder,) = [file.parent for file in Path(settings.detector.path).glob("*/manifest.json")]
    layers = layers_of(load_detector(folder).taps)
    recorder = Recorder()
    reader = LayerReader(loaded, layers)
    inputs = torch.cat([reader.prepare(decoded(image)).input for image in images])
    with torch.inference_mode(), attach(loaded.model, recorder, layers, topic="taps"):
        for batch in inputs.split(BATCH):
            loaded.model(batch)
    return recorder


def decoded(image: bytes) -> NDArray[np.uint8]:
    return np.array(Image.open(io.BytesIO(image)))


def sent_taps(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Events/s and processor time of events that are taps, through the whole agent and its detector."""
    folder = folder / "taps"
    folder.mkdir()
    topic = Topic(broker, "bench-taps")
    broker.create_topic(topic.name)
    reference = frames(chosen.reference, seed=1)
    settings = fitted_settings(folder, broker, topic.name, reference, detector="pixels = false\n")
    sent = passes(settings, reference[: 16 * BATCH])
    agent, found = RealAgent(settings), []
    for _ in range(chosen.rounds + 1):
        send(topic, sent, chosen.tap_events)
        cpu = time.process_time()
        seconds = turn_until_counted(agent.loop, topic.n_sent)
        found.append((chosen.tap_events / seconds, (time.process_time() - cpu) / chosen.tap_events))
    stages = agent.loop.status().stage_seconds
    agent.close()
    each = {name: 1e6 * took / topic.n_sent for name, took in sorted(stages.items())}
    rate, cpu = (statistics.median(side) for side in zip(*found[1:], strict=True))
    rows: list[dict[str, object]] = [
        {"what": "tap events", "value": round(rate), "unit": "events/s"},
        {"what": "tap events, processor time", "value": round(1e6 * cpu), "unit": "us an event"},
        *(
            {"what": f"tap events, stage {name}", "value": round(took), "unit": "us an event"}
            for name, took in each.items()
        ),
    ]
    return rows, [Figure("tap events", round(rate), "events/s", f"at least {GOAL:,}", rate >= GOAL)]


def send(topic: Topic, sent: Recorder, n: int) -> None:
    with FrameProducer(topic.broker.connection(), topic.name) as producer:
        for number in range(n // BATCH):
            value = sent.values[number % len(sent.values)]
            producer.send(value, headers=sent.headers, partition=0)
    topic.n_sent += n // BATCH * BATCH
