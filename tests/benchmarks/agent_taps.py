"""The agent on tap events: no picture to decode and no forward pass, all else as in production."""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.hook.attachment import attach
from driftgauge.agent.hook.image_info import ImageInfo
from driftgauge.agent.model.reader import LayerReader
from driftgauge.agent.ports import Scored
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.wiring.model import build_model
from driftgauge.detector import load_detector
from driftgauge.detector.moment import layers_of

from ..agent.scorer import BrightnessScorer
from ..broker import Broker
from .agent_rig import MockAgent, RealAgent, Topic, fitted_settings, frames, turn_until_counted
from .table import Figure

Result = tuple[list[dict[str, object]], list[Figure]]
GOAL = 5_000
BATCH = 16


class Recorder:
    """In the place of a producer: keeps what the hook would send."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.headers: dict[str, bytes] = {}

    def send(self, topic: str, **message: Any) -> None:
        self.values.append(message["value"])
        self.headers = dict(message["headers"])

    def flush(self, timeout: float | None = None) -> None:
        """Nothing waits."""


class TapScorer(BrightnessScorer):
    """In the place of model and detector: stacks the vectors, as those must, and scores nothing."""

    columns = ("1", "2", "3", "4", "5", "*")

    def score(
        self,
        images: Sequence[Any],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        stacked = {
            name: np.stack([taps.vectors[name] for taps in images]).astype(np.float32)
            for name in images[0].vectors
        }
        level = next(iter(stacked.values())).mean(axis=1).astype(np.float64)
        return Scored(
            scores=np.repeat(level[:, None], len(self.columns), axis=1),
            p_values=np.repeat(uniforms[:, None], len(self.columns), axis=1),
        )


def passes(settings: Settings, images: Sequence[bytes]) -> Recorder:
    """Return what ``attach`` sends while the model sees *images*, a message a batch."""
    loaded = build_model(settings)
    (folder,) = [file.parent for file in Path(settings.detector.path).glob("*/manifest.json")]
    layers = layers_of(load_detector(folder).taps)
    recorder = Recorder()
    reader = LayerReader(loaded, layers)
    inputs = torch.cat([reader.prepare(decoded(image)).input for image in images])
    sends = attach(loaded.model, recorder, layers, topic="taps", describe=cameras)
    with torch.inference_mode(), sends:
        for start in range(0, len(inputs), BATCH):
            loaded.model(inputs[start : start + BATCH])
    return recorder


def cameras(n: int) -> list[ImageInfo]:
    return [ImageInfo(segments={"camera": str(number % 5)}) for number in range(n)]


def decoded(image: bytes) -> NDArray[np.uint8]:
    return np.array(Image.open(io.BytesIO(image)))


def sent_taps(broker: Broker, folder: Path, chosen: argparse.Namespace) -> Result:
    """Events/s and processor time of events that are taps: of the whole agent, and of all but the detector."""
    folder = folder / "taps"
    folder.mkdir()
    whole, mock = (Topic(broker, f"bench-taps-{kind}") for kind in ("whole", "mock"))
    reference = frames(chosen.reference, seed=1)
    settings = fitted_settings(folder, broker, whole.name, reference, detector="pixels = false\n")
    sent = passes(settings, reference[: 16 * BATCH])
    rows: list[dict[str, object]] = []
    rates = []
    for topic, kind in ((whole, "with its detector"), (mock, "without a detector")):
        broker.create_topic(topic.name)
        agent = (
            RealAgent(settings) if topic is whole else MockAgent(topic, folder, scorer=TapScorer())
        )
        rate, cpu = timed(agent, topic, sent, chosen)
        rows += [
            {"what": f"tap events, {kind}", "value": round(rate), "unit": "events/s"},
            {"what": "its processor time", "value": round(1e6 * cpu), "unit": "us an event"},
        ]
        rates.append(rate)
    goal = f"at least {GOAL:,}"
    name = "tap events, all but the detector"
    return rows, [Figure(name, round(rates[-1]), "events/s", goal, rates[-1] >= GOAL)]


def timed(
    agent: RealAgent | MockAgent, topic: Topic, sent: Recorder, chosen: argparse.Namespace
) -> tuple[float, float]:
    """Return the median events/s of some rounds after a first, and the seconds of processor time an event."""
    found = []
    for _ in range(chosen.rounds + 1):
        n = send(topic, sent, chosen.tap_events)
        cpu = time.process_time()
        seconds = turn_until_counted(agent.loop, topic.n_sent)
        found.append((n / seconds, (time.process_time() - cpu) / n))
    agent.close()
    rate, cpu = (statistics.median(side) for side in zip(*found[1:], strict=True))
    return rate, cpu


def send(topic: Topic, sent: Recorder, n: int) -> int:
    """Send messages of about *n* images in all; return how many images."""
    with FrameProducer(topic.broker.connection(), topic.name) as producer:
        for number in range(n // BATCH):
            value = sent.values[number % len(sent.values)]
            producer.send(value, headers=sent.headers, partition=0)
    topic.n_sent += n // BATCH * BATCH
    return n // BATCH * BATCH
