"""What keeps taps to learn from, built from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from driftgauge.detector import ModelIdentity
from driftgauge.storage import Store

from ..counting.tap_keeper import KeepSettings
from ..keep.origin import tap_origin
from ..keep.run_choice import RunSettings
from ..keep.shard_folder import ShardFolder
from ..keep.upkeep import KeptLimits, KeptUpkeep
from ..settings.load import Settings


def run_seconds(settings: Settings) -> int:
    """Return the length of a run of windows."""
    return settings.windows.seconds * settings.keep.windows_per_run


def build_folder(settings: Settings) -> ShardFolder:
    """Open the place of the kept taps."""
    return ShardFolder(settings.keep.path)


def build_keep(
    settings: Settings,
    store: Store,
    *,
    name: str,
    identity: ModelIdentity,
    channels: Mapping[str, int],
) -> KeepSettings | None:
    """Return which taps the detector *name*'s agent keeps, None where none are kept."""
    keep = settings.keep
    if not keep.taps:
        return None
    return KeepSettings(
        stream=settings.stream.name,
        detector=name,
        origin=tap_origin(identity, channels),
        channels=channels,
        runs=RunSettings(
            key=store.database_id(),
            run_seconds=run_seconds(settings),
            runs_per_day=keep.runs_per_day,
            max_bytes_per_day=keep.max_bytes_per_day,
        ),
        folder=build_folder(settings),
        alpha=settings.stream.alpha,
    )


def build_kept_upkeep(settings: Settings, store: Store) -> KeptUpkeep | None:
    """Return what keeps them within their bounds, None where none are kept."""
    keep = settings.keep
    if not keep.taps:
        return None
    limits = KeptLimits(
        runs_per_day=keep.runs_per_day,
        max_bytes_per_day=keep.max_bytes_per_day,
        max_bytes=keep.max_bytes,
        keep=timedelta(days=keep.keep_days),
        run=timedelta(seconds=run_seconds(settings)),
    )
    return KeptUpkeep(store.kept, build_folder(settings), settings.stream.name, limits)
