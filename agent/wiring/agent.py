"""Everything that ``driftgauge run`` needs, built from the settings."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from driftgauge.detector import NotFitted, load_detector, read_manifest
from driftgauge.storage import Store

from ..clock import SystemClock
from ..events.tap_vectors import TapOrigin, TapsWanted
from ..jobs.jobs import build_jobs, build_monitor
from ..jobs.presence import INTERVAL_SECONDS as PRESENCE_SECONDS
from ..jobs.presence import Presence, agent_name
from ..jobs.schedule import Job
from ..log import action
from ..loop.activity import Listener, ignore
from ..loop.loop import AgentLoop
from ..model.load import LoadedModel
from ..model.reader import LayerReader
from ..model.scorer import ModelScorer
from ..notify.delivery import Delivery
from ..settings.load import Settings
from ..stream.dead_letter import KafkaDeadLetters
from .decode import build_decode_ports
from .kafka import build_connection, build_source
from .loop import build_loop_settings
from .model import build_model
from .notify import build_delivery, build_heartbeat

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agent:
    """A loop and the jobs beside it.

    Attributes:
        presence: tells the database that the agent lives, and at the end that it left.
        delivery: what its jobs deliver alerts with; close it after they have ended.
        about: what it runs, in words: stream, topic, detector and so on.
    """

    loop: AgentLoop
    jobs: list[Job]
    presence: Presence
    delivery: Delivery
    detector: str
    about: Mapping[str, str]


def build_agent(
    settings: Settings, store: Store, *, stop: threading.Event, listener: Listener = ignore
) -> Agent:
    """Build everything that ``driftgauge run`` needs.

    Args:
        listener: told of each batch and each flush.

    Raises:
        NotFitted: the stream has no active detector.
        SettingsError, DetectorError, StorageError, SourceUnavailable: with what to do.
    """
    stream = settings.stream
    store.ensure_stream(stream.name, stream.topic, settings.windows.seconds, alpha=stream.alpha)
    active = store.active_detector(stream.name)
    if active is None:
        raise NotFitted(f"stream {stream.name!r} has no detector in this database")
    loaded = build_model(settings)
    _tell_model(loaded)
    detector = load_detector(Path(active.uri), loaded.identity)
    LayerReader(loaded, detector.layers).try_out()  # a fault is told now, not at the first event
    clock = SystemClock()
    dead_letters = KafkaDeadLetters(
        build_connection(settings),
        topic=settings.kafka.dead_letter_topic,
        max_message_bytes=settings.batch.max_message_bytes,
    )
    loop = AgentLoop(
        source=build_source(
            settings, first_partitions=partial(store.first_partitions, stream.name)
        ),
        dead_letters=dead_letters,
        scorer=ModelScorer(loaded, detector, name=active.detector),
        store=store,
        clock=clock,
        settings=build_loop_settings(settings, taps_wanted(loaded, Path(active.uri))),
        stop=stop,
        ports=build_decode_ports(settings),
        listener=listener,
    )
    monitor = build_monitor(settings, store, detector, active.detector)
    delivery = build_delivery(settings, store)
    about = {
        "stream": stream.name,
        "topic": stream.topic,
        "detector": active.detector,
        "layers": str(len(detector.layers)),
        "device": str(loaded.device),
        "precision": loaded.identity.precision,
    }
    name = agent_name()
    presence = Presence(store, loop.status, clock, name=name, stream=stream.name)
    jobs = [
        *build_jobs(settings, store, monitor, delivery, build_heartbeat(settings), holder=name),
        Job("presence", presence.tell, PRESENCE_SECONDS),
    ]
    return Agent(loop, jobs, presence, delivery, active.detector, about)


def _tell_model(loaded: LoadedModel) -> None:
    if (chosen := loaded.preprocessing) is not None:
        log.info(
            "model %s on %s; preprocessing (%s): %s",
            *(loaded.name, loaded.device, chosen.origin, chosen.summary),
            extra=action("model_loaded", model=loaded.name, preprocessing=chosen.summary),
        )
    for note in loaded.notes:
        log.warning("%s", note, extra=action("model_note", model=loaded.name))


def taps_wanted(loaded: LoadedModel, detector_folder: Path) -> TapsWanted:
    """Return what tap vectors must be for the detector in *detector_folder* to score them."""
    identity = loaded.identity
    return TapsWanted(
        origin=TapOrigin(identity.weights, identity.preprocessing, identity.precision),
        channels={
            str(layer["name"]): int(layer["channels"])
            for layer in read_manifest(detector_folder)["layers"]
        },
    )
