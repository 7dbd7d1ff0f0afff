"""A serving process' model is attached: the agent judges what it sends as it judges the pictures."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kafka import KafkaProducer  # noqa: TID251 - the host brings its own
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent import ImageInfo, attach
from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.lite0 import build_lite0
from driftgauge.agent.demo.produce import FrameProducer
from driftgauge.agent.demo.scenes import Camera, photograph_cameras
from driftgauge.agent.events.decode import decode_record
from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.agent.events.tap_vectors import TapVectors
from driftgauge.agent.fit.fit import Callbacks, FitOptions, choose_taps
from driftgauge.agent.hook.sender import Counts
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.model.preprocessing import timm_preprocessing
from driftgauge.agent.model.scorer import LayerReader, ModelScorer
from driftgauge.agent.settings.load import Settings, load_settings
from driftgauge.agent.stream.kafka_client import build_client, close_producer
from driftgauge.agent.telemetry import Metrics
from driftgauge.agent.wiring.agent import build_agent
from driftgauge.agent.wiring.database import build_database
from driftgauge.agent.wiring.decode import build_decode_settings
from driftgauge.agent.wiring.fit import run_fit, topic_source
from driftgauge.agent.wiring.kafka import build_source
from driftgauge.agent.wiring.model import build_model, chosen_layers
from driftgauge.detector import Detector, Training, fit_detector, read_manifest, save_detector
from driftgauge.storage import DetectorRecord, Store

from ..broker import until

pytestmark = pytest.mark.kafka

STREAM = "line"
SIDE = 64
N_REFERENCE, N_LIVE = 120, 24
BATCH = 16
START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
Shot = tuple[Camera, int]
FURTHEST_P = 0.04
"""How far half precision may move a p-value: three ranks among the 80 of calibration. Seen: 0.031."""


def settings_text(broker: str, folder: Path) -> str:
    return f"""
[stream]
name = "{STREAM}"
topic = "{folder.name}"
segments = ["camera"]
[kafka]
bootstrap_servers = ["{broker}"]
session_timeout_seconds = 2.5
heartbeat_interval_seconds = 0.3
partition_assignment = "range"
auto_offset_reset = "earliest"
[model]
factory = "driftgauge.agent.demo.lite0:build_lite0"
image_size = {SIDE}
[detector]
path = "{folder}/detector"
[keep]
path = "{folder}/kept"
[windows]
seconds = 3600
[flush]
interval_seconds = 0.2
[evidence]
per_window = 100
[store]
url = "sqlite:///{folder}/driftgauge.db"
[http]
port = 0
"""


@cache
def cameras() -> tuple[Camera, ...]:
    return photograph_cameras()[:2]


def shots_of(n_frames: int) -> list[Shot]:
    return [(camera, index) for index in range(n_frames) for camera in cameras()]


def picture(camera: Camera, index: int, seed: int = 2) -> NDArray[np.uint8]:
    return decode_image(frame(camera, index, seed=seed), ImageSettings(max_pixels=10**6))


def told(camera: Camera, index: int) -> ImageInfo:
    """What the serving process knows of a picture."""
    at = START + timedelta(seconds=index)
    return ImageInfo(
        event_id=f"{camera.name}/{index}", event_time=at, segments={"camera": camera.name}
    )


@pytest.fixture(scope="module")
def fitted(
    broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, Detector]:
    """Give settings, and the active detector, fitted on pictures; its training is short."""
    folder = tmp_path_factory.mktemp("attach")
    (folder / "driftgauge.toml").write_text(settings_text(broker.address, folder))
    settings = load_settings(folder / "driftgauge.toml")
    broker.create_topic(settings.stream.topic)
    loaded = build_model(settings)
    layouts = LayerReader(loaded, chosen_layers(settings, loaded)).try_out().layouts
    reader = LayerReader(loaded, choose_taps(layouts, None, has_pixels=False))
    shots = shots_of(N_REFERENCE)
    parts = [reader.read([picture(*shot, seed=1) for shot in some]).taps for some in batches(shots)]
    detector = fit_detector(
        {layer: torch.cat([part[layer] for part in parts]) for layer in parts[0]},
        window_ids=np.arange(len(shots)) // 16,
        segments=[(f"camera={camera.name}",) for camera, _ in shots],
        training=Training(n_epochs=1, min_steps=60),
    )
    register(settings, save_detector(detector, settings.detector.path, loaded.identity, {}))
    return settings, detector


def register(settings: Settings, name: str) -> None:
    folder = settings.detector.path / name
    with closing(build_database(settings)) as database:
        store = Store(database)
        store.ensure_stream(STREAM, settings.stream.topic, settings.windows.seconds)
        made = DetectorRecord(
            detector=name, stream=STREAM, uri=str(folder), created_at=START, status="active",
            manifest=read_manifest(folder),
        )  # fmt: skip
        store.register_detector(made)


def batches(shots: Sequence[Shot]) -> Iterator[Sequence[Shot]]:
    for begin in range(0, len(shots), BATCH):
        yield shots[begin : begin + BATCH]


@contextmanager
def producing(broker: EmbeddedBroker) -> Iterator[Any]:
    options = broker.connection().producer_options()
    producer = build_client(KafkaProducer, broker.connection(), "send taps", **options)
    try:
        yield producer
    finally:
        close_producer(producer, timeout_seconds=10)


def serve(producer: Any, layers: Sequence[str], topic: str, shots: Sequence[Shot]) -> Counts:
    """Serve the pictures in batches, as a process of its own would: its model, its transform."""
    model = build_lite0()
    chosen = timm_preprocessing(model, SIDE)
    with (
        torch.inference_mode(),
        attach(model, producer, layers, topic=topic, preprocessing=chosen.identity) as attachment,
    ):
        for batch in batches(shots):
            inputs = [chosen.transform(Image.fromarray(picture(*shot))) for shot in batch]
            with attachment.images([told(*shot) for shot in batch]):
                model(torch.stack(inputs))
    return attachment.counts


@pytest.fixture(scope="module")
def sent(fitted: tuple[Settings, Detector], broker: EmbeddedBroker) -> Counts:
    """Have the taps of every shot in the topic."""
    settings, detector = fitted
    with producing(broker) as producer:
        return serve(producer, detector.layers, settings.stream.topic, shots_of(N_LIVE))


def test_the_agent_counts_every_event_that_was_sent_and_runs_no_model_for_it(
    fitted: tuple[Settings, Detector], sent: Counts, broker: EmbeddedBroker
) -> None:
    settings, detector = fitted
    topic, shots = settings.stream.topic, shots_of(N_LIVE)
    with closing(build_database(settings)) as database:
        store = Store(database)
        loop = run_agent(settings, store, n_events=len(shots))
        assert sent == Counts(sent=len(shots))
        assert loop.status().stage_seconds["score.forward"] == 0.0
        shares = {f"camera={camera.name}": N_LIVE for camera in cameras()}
        assert store.event_counts(STREAM) == {"*": len(shots), **shares}
        kept = store.evidence(STREAM, segment="*", limit=1000)
        assert {record.event_id for record in kept} == {f"{c.name}/{n}" for c, n in shots}
        assert {record.thumbnail for record in kept} == {None}

        send_pictures(broker, topic, shots[:4])
        with producing(broker) as producer:
            serve(producer, detector.layers[:-1], topic, shots[:2])  # a layer is missing
            serve(producer, detector.layers, topic, shots[:3])
        loop = run_agent(settings, store, n_events=len(shots) + 4 + 3)
        assert loop.status().n_dead_letters == 0
        other = loop.status().other_model
        assert other is not None
        assert other.n_events == loop.status().n_unscored == 2
        assert f"tap {detector.layers[-1]}: no channels != " in other.why
        assert loop.status().stage_seconds["score.forward"] > 0.0


def run_agent(settings: Settings, store: Store, *, n_events: int) -> AgentLoop:
    """Run the agent until the database has so many events, and no more."""
    stop = threading.Event()
    loop = build_agent(settings, store, stop=stop, metrics=Metrics(alpha=0.01)).loop
    until(lambda: store.event_counts(STREAM).get("*", 0) >= n_events, loop.turn)
    stop.set()
    loop.run()
    assert store.event_counts(STREAM)["*"] == n_events
    return loop


def send_pictures(broker: EmbeddedBroker, topic: str, shots: Sequence[Shot]) -> None:
    with FrameProducer(broker.connection(), topic) as producer:
        for camera, index in shots:
            producer.send(
                frame(camera, index, seed=2),
                headers={"camera": camera.name},
                event_id=f"{camera.name}/{index}",
                event_time=START + timedelta(seconds=index),
            )


def test_half_precision_taps_have_the_p_values_of_their_pictures(
    fitted: tuple[Settings, Detector], sent: Counts
) -> None:
    settings, detector = fitted
    scorer = ModelScorer(build_model(settings), detector, name=STREAM)
    taps = taps_in_topic(settings, sent.sent)
    shots, uniforms = shots_of(N_LIVE), np.full(sent.sent, 0.5)
    of_taps = scorer.score([taps[f"{camera.name}/{n}"] for camera, n in shots], uniforms)
    of_pictures = scorer.score([picture(*shot) for shot in shots], uniforms)
    assert {str(v.dtype) for t in taps.values() for v in t.vectors.values()} == {"float16"}
    assert np.abs(of_taps.p_values - of_pictures.p_values).max() <= FURTHEST_P


def taps_in_topic(settings: Settings, n: int) -> dict[str, TapVectors]:
    """Read what was sent, by event id."""
    found: dict[str, TapVectors] = {}
    source = build_source(settings, group_id=f"{STREAM}-read", reset="earliest")
    decode = build_decode_settings(settings)

    def turn() -> None:
        polled = source.poll(0.2)
        if polled.assignment_changed:
            source.seek(dict.fromkeys(source.assignment()))
        for record in polled.records:
            events = decode_record(record, decode, arrived_at=START)
            assert isinstance(events, tuple)
            for event in events:
                if event.taps is not None and len(found) < n:
                    found[event.event_id] = event.taps

    with closing(source):
        until(lambda: len(found) == n, turn)
    return found


def test_a_detector_is_fitted_on_taps_alone_and_then_scores_them(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """What a sender attached from the start has: no picture anywhere, nor a model run of ours."""
    file = tmp_path / "driftgauge.toml"
    file.write_text(settings_text(broker.address, tmp_path))
    settings = load_settings(file)
    topic, shots = settings.stream.topic, shots_of(N_REFERENCE)
    broker.create_topic(topic)
    loaded = build_model(settings)
    with producing(broker) as producer:
        serve(producer, chosen_layers(settings, loaded), topic, shots)
    ignored = Callbacks(*[lambda *_: None] * 5)
    with topic_source(settings, topic, max_events=None, idle_seconds=2) as source:
        fitted = run_fit(settings, source, options=FitOptions(probes=8), callbacks=ignored)
    assert fitted.coverage.events == len(shots)
    assert fitted.comparisons == []
    with closing(build_database(settings)) as database:
        loop = run_agent(settings, Store(database), n_events=len(shots))
        assert loop.status().stage_seconds["score.forward"] == 0.0
        assert Store(database).event_counts(STREAM)["*"] == len(shots)
