"""The composition root: the only file that builds real Kafka, SQL and torch objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import torch

from driftgauge.detector import NotFitted, load_detector, read_manifest, select_layers
from driftgauge.storage import Database, Store

from .broker import build_connection
from .clock import SystemClock
from .events.answers import AnswerBook
from .events.decode import DecodeSettings
from .events.fetch import Fetcher, FetchSettings, parse_allowed
from .events.record_reader import RecordReader
from .events.reference import Fetch, no_fetch
from .events.registry import ReadRecord, no_registry
from .events.registry_client import RegistryClient
from .events.tap_vectors import TapOrigin, TapsWanted
from .evidence import EvidenceSettings
from .jobs import build_jobs, build_monitor
from .loop import AgentLoop
from .loop_settings import LoopSettings
from .meter import Meter
from .model.class_names import read_class_names
from .model.load import LoadedModel, load_model
from .model.scorer import ModelScorer
from .sampling import SamplingSettings
from .schedule import Job
from .settings import Settings
from .stream.consumer import ConsumerSettings, OffsetReset
from .stream.dead_letter import KafkaDeadLetters
from .stream.kafka import KafkaSource


def build_database(settings: Settings) -> Database:
    """Open the database; an SQLite file is brought to this version, PostgreSQL must be at it.

    Raises:
        SchemaOutOfDate: PostgreSQL's tables are older or newer than this version.
    """
    database = Database(settings.store.url.get_secret_value())
    if database.is_sqlite:
        database.upgrade()
    else:
        database.check_schema()
    return database


def build_source(
    settings: Settings,
    *,
    topic: str | None = None,
    group_id: str | None = None,
    reset: OffsetReset | None = None,
    first_partitions: Callable[[int], int] | None = None,
) -> KafkaSource:
    """Join the consumer group; arguments take the place of the stream's own settings."""
    kafka = settings.kafka
    return KafkaSource(
        build_connection(settings),
        topic=topic or settings.stream.topic,
        group_id=group_id or kafka.group_id,
        settings=ConsumerSettings(
            auto_offset_reset=reset or kafka.auto_offset_reset,
            session_timeout_seconds=kafka.session_timeout_seconds,
            heartbeat_interval_seconds=kafka.heartbeat_interval_seconds,
            fetch_max_bytes=kafka.fetch_max_bytes,
            max_message_bytes=settings.batch.max_message_bytes,
        ),
        first_partitions=first_partitions,
    )


def build_model(settings: Settings) -> LoadedModel:
    """Load the production model."""
    model = settings.model
    return load_model(
        source=model.source,
        factory=model.factory,
        checkpoint=model.checkpoint,
        image_size=model.image_size,
        device=model.device,
        precision=model.precision,
    )


def chosen_layers(settings: Settings, loaded: LoadedModel) -> Sequence[str]:
    """Return the layers that the settings name, else one a stage."""
    if settings.detector.layers:
        return settings.detector.layers
    from PIL import Image

    grey = Image.new("RGB", (256, 256), (128, 128, 128))
    sample = loaded.transform(grey)[None].to(loaded.device)
    return select_layers(loaded.model, sample.contiguous(memory_format=torch.channels_last))


def build_decode(settings: Settings) -> DecodeSettings:
    """Return what an event may be.

    Raises:
        SettingsError: a schema registry is named, and nothing is installed that reads its records.
    """
    events = settings.events
    return DecodeSettings(
        segment_headers=tuple(settings.stream.segments),
        max_image_pixels=settings.batch.max_image_pixels,
        max_image_aspect=settings.batch.max_image_aspect,
        max_message_bytes=settings.batch.max_message_bytes,
        max_images_per_message=events.max_images_per_message,
        format=events.format,
        image_field=events.image_field,
        time_field=events.time_field,
        id_field=events.id_field,
        tensor_layout=events.tensor_layout,
        tensor_range=events.tensor_range,
        fetch=_build_fetch(settings),
        read_record=_build_registry(settings),
        answers=AnswerBook(read_class_names(settings.model.class_names)),
    )


def _build_fetch(settings: Settings) -> Fetch:
    events = settings.events
    if not events.fetch_allow:
        return no_fetch
    return Fetcher(
        FetchSettings(
            allowed=parse_allowed(events.fetch_allow),
            networks=tuple(ip_network(network) for network in events.fetch_networks),
            max_bytes=events.fetch_max_bytes,
            timeout_seconds=events.fetch_timeout_seconds,
            tries=events.fetch_tries,
            ca_file=_text(events.fetch_ca_file),
        )
    )


def _build_registry(settings: Settings) -> ReadRecord:
    events = settings.events
    if events.registry_url is None:
        return no_registry
    return RecordReader(
        RegistryClient(
            events.registry_url.get_secret_value(),
            timeout_seconds=events.fetch_timeout_seconds,
            tries=events.fetch_tries,
            ca_file=_text(events.fetch_ca_file),
        )
    )


@dataclass(frozen=True, slots=True)
class Agent:
    """A loop and the jobs beside it.

    Attributes:
        about: what it runs, in words: stream, topic, detector and so on.
    """

    loop: AgentLoop
    jobs: list[Job]
    detector: str
    about: Mapping[str, str]


def build_agent(
    settings: Settings, store: Store, *, stop: threading.Event, meter: Meter | None = None
) -> Agent:
    """Build everything that ``driftgauge run`` needs.

    Args:
        meter: told what the loop does.

    Raises:
        NotFitted: the stream has no active detector.
        SettingsError, DetectorError, StorageError, SourceUnavailable: with what to do.
    """
    stream = settings.stream
    store.ensure_stream(stream.name, stream.topic, settings.windows.seconds)
    active = store.active_detector(stream.name)
    if active is None:
        raise NotFitted(f"stream {stream.name!r} has no detector in this database")
    loaded = build_model(settings)
    detector = load_detector(Path(active.uri), loaded.identity)
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
        meter=meter,
    )
    monitor = build_monitor(settings, store, detector, active.detector)
    about = {
        "stream": stream.name,
        "topic": stream.topic,
        "detector": active.detector,
        "layers": str(len(detector.layers)),
        "device": str(loaded.device),
        "precision": loaded.identity.precision,
    }
    return Agent(loop, build_jobs(settings, store, monitor), active.detector, about)


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


def build_loop_settings(settings: Settings, taps: TapsWanted | None = None) -> LoopSettings:
    """Return how the loop runs; *taps* is what tap vectors must be."""
    batch, evidence = settings.batch, settings.evidence
    return LoopSettings(
        stream=settings.stream.name,
        decode=replace(build_decode(settings), taps_wanted=taps),
        evidence=EvidenceSettings(per_window=evidence.per_window, thumbnails=evidence.thumbnails),
        window_seconds=settings.windows.seconds,
        max_images=batch.max_images,
        max_delay_seconds=batch.max_delay_seconds,
        max_waiting=4 * batch.max_images,
        decode_threads=batch.decode_threads,
        max_skew_seconds=settings.windows.max_skew_seconds,
        flush_interval_seconds=settings.flush.interval_seconds,
        sampling=SamplingSettings(
            above_lag_seconds=batch.sample_above_lag_seconds,
            one_in_at_most=batch.sample_one_in_at_most,
        ),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
