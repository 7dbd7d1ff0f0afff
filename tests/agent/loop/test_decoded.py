"""What a record costs between its decoding and its score."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.counting.evidence import EvidenceSettings, thumbnail
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.event import Event
from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.agent.loop.decoded import Decoded, RecordDecoder

from ..events.picture_files import gradient, saved
from ..records import NOON, record

LARGE = saved(gradient(3000, 2000), quality=80)
PIXEL_BYTES = 3000 * 2000 * 3


def prepare(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Make a model's input, as a transform does: small, and no view of the picture."""
    return image[:224, :224].astype(np.float32)


def decoded(value: bytes, evidence: EvidenceSettings) -> Decoded:
    decoder = RecordDecoder(
        DecodeSettings(),
        DecodePorts(),
        prepare,
        ManualClock(NOON),
        max_skew_seconds=300,
        thumbnail_side=evidence.source_side,
    )
    return decoder.decode(record(value), NOON, 1)


def event(found: Decoded) -> Event:
    assert isinstance(found.outcome, Event)
    return found.outcome


def test_large_pictures_that_wait_for_their_scores_cost_no_more_than_model_and_thumbnail() -> None:
    n = 16
    gc.collect()
    tracemalloc.start()
    try:
        waiting = [decoded(LARGE, EvidenceSettings()) for _ in range(n)]
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    inputs = sum(event(found).prepared.nbytes for found in waiting)
    assert held - inputs < n * 100_000
    assert peak < inputs + n * 100_000 + 3 * PIXEL_BYTES


@pytest.mark.parametrize("mode", ["keep", "blur"])
def test_the_thumbnail_of_a_large_picture_is_the_same_to_the_bit(mode: str) -> None:
    settings = EvidenceSettings(thumbnails=mode)  # type: ignore[arg-type] # parametrised
    whole = decode_image(LARGE, ImageSettings(max_pixels=10**8))
    kept = event(decoded(LARGE, settings)).image
    assert kept.nbytes < 100_000
    sides = settings.max_side
    wanted = thumbnail(whole, settings.thumbnails, max_side=sides)
    assert thumbnail(kept, settings.thumbnails, max_side=sides) == wanted


@pytest.mark.parametrize(
    "settings", [EvidenceSettings(thumbnails="none"), EvidenceSettings(per_window=0)]
)
def test_without_thumbnails_nothing_of_a_large_picture_is_kept(settings: EvidenceSettings) -> None:
    assert event(decoded(LARGE, settings)).image.size == 0


def test_small_pictures_are_kept_as_they_are() -> None:
    found = event(decoded(saved(gradient(320, 240), "PNG"), EvidenceSettings()))
    assert np.array_equal(found.image, gradient(320, 240))
