"""How the loop runs, from the settings."""

from __future__ import annotations

from collections.abc import Sequence

from ..counting.evidence import EvidenceSettings
from ..counting.tap_keeper import KeepSettings
from ..events.tap_vectors import TapsWanted
from ..loop.loop_settings import LoopSettings
from ..loop.processors import decoding_threads
from ..loop.sampling import SamplingSettings
from ..model.batch_size import plain_batch
from ..settings.load import Settings
from .decode import build_decode_settings


def build_loop_settings(
    settings: Settings,
    taps: TapsWanted | None = None,
    keep: KeepSettings | None = None,
    classes: Sequence[str] = (),
    *,
    max_images: int | None = None,
) -> LoopSettings:
    """Return how the loop runs.

    Args:
        settings: of the stream.
        taps: what tap vectors must be.
        keep: which taps are kept.
        classes: of the detector's reference.
        max_images: of a batch, where it was measured.
    """
    batch, evidence = settings.batch, settings.evidence
    max_images = max_images or plain_batch(batch.max_images)
    return LoopSettings(
        stream=settings.stream.name,
        alpha=settings.stream.alpha,
        decode=build_decode_settings(settings, taps),
        evidence=EvidenceSettings(per_window=evidence.per_window, thumbnails=evidence.thumbnails),
        window_seconds=settings.windows.seconds,
        max_images=max_images,
        max_delay_seconds=batch.max_delay_seconds,
        max_waiting=4 * max_images,
        decode_threads=decoding_threads(batch.decode_threads),
        max_skew_seconds=settings.windows.max_skew_seconds,
        flush_interval_seconds=settings.flush.interval_seconds,
        classes=tuple(classes),
        sampling=SamplingSettings(
            above_lag_seconds=batch.sample_above_lag_seconds,
            one_in_at_most=batch.sample_one_in_at_most,
        ),
        keep=keep,
    )
