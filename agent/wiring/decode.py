"""What an event may be, from the settings: formats, fetching, schema registry."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

from ..events.decode import DecodePorts, DecodeSettings
from ..events.picture_field import Fetch, no_fetch
from ..events.prediction import PredictionBook
from ..events.tap_vectors import TapsWanted
from ..fetch.fetcher import Fetcher, FetchSettings, parse_allowed
from ..model.class_names import read_class_names
from ..registry.client import RegistryClient
from ..registry.frame import ReadRecord, no_registry
from ..registry.record_reader import RecordReader
from ..settings.load import Settings


def build_decode_settings(settings: Settings, taps: TapsWanted | None = None) -> DecodeSettings:
    """Return what an event may be; *taps* is what tap vectors must be."""
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
        exif_orientation=events.exif_orientation,
        bit_depth=events.bit_depth,
        taps_wanted=taps,
    )


def build_decode_ports(settings: Settings) -> DecodePorts:
    """Return what decoding uses besides values.

    Raises:
        SettingsError: a schema registry is named, and nothing is installed that reads its records.
    """
    return DecodePorts(
        fetch=_build_fetch(settings),
        read_record=_build_registry(settings),
        predictions=PredictionBook(read_class_names(settings.model.class_names)),
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


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
