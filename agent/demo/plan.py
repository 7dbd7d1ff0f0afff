"""What the demonstration will do: which camera has which fault, and when, on the cameras' clock."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .faults import FAULT_KINDS, Fault, Severity
from .season import Season

WINDOW_SECONDS = 16
"""The cameras send one frame a second, so a window holds as many frames of each."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Lengths in frames of one camera.

    Attributes:
        reference: normal frames that the detector is fitted on.
        normal: normal frames before the first fault.
        fault: how long each fault lasts.
        recovery: normal frames after each fault.
    """

    reference: int = 400
    normal: int = 96
    fault: int = 64
    recovery: int = 80


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault on one camera; its frame indices count from the first reference frame."""

    camera: str
    fault: Fault

    @property
    def begins(self) -> int:
        """The camera's first frame with the fault."""
        return self.fault.begins

    @property
    def ends(self) -> int:
        """The camera's first frame without it."""
        return self.fault.ends or self.fault.begins


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run.

    Attributes:
        starts_at: the cameras' clock at frame 0, the first reference frame.
        frames: frames of each camera, the reference included; with a season the most that there may be.
        season: how the light of all cameras moves; None where it does not.
    """

    cameras: tuple[str, ...]
    faults: tuple[PlannedFault, ...]
    spans: Spans
    severity: Severity
    seed: int
    starts_at: datetime
    frames: int
    season: Season | None = None

    @property
    def live_from(self) -> int:
        """The first frame index of the live stream."""
        return self.spans.reference

    @property
    def n_live(self) -> int:
        """Frames of the live stream, all cameras together."""
        return (self.frames - self.live_from) * len(self.cameras)

    def time(self, index: int) -> datetime:
        """Return the cameras' clock at frame *index*."""
        return self.starts_at + timedelta(seconds=index)

    def reference(self) -> Iterator[tuple[str, int]]:
        """Yield camera and frame index of the reference in time order."""
        return _interleaved(self.cameras, range(self.live_from))

    def live(self) -> Iterator[tuple[str, int]]:
        """Yield camera and frame index of the live stream in time order."""
        return _interleaved(self.cameras, range(self.live_from, self.frames))

    def fault(self, camera: str, index: int) -> Fault | None:
        """Return what is wrong with the camera at frame *index*."""
        active = (
            planned.fault
            for planned in self.faults
            if planned.camera == camera and planned.fault.is_active(index)
        )
        return next(active, None)

    def season_share(self, index: int) -> float:
        """Return how far the season has moved at frame *index*, 0 to 1."""
        return self.season.share(index) if self.season else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonSpans:
    """Lengths of a run with a season, in frames of one camera.

    Attributes:
        reference: frames of the old season that the first detector is fitted on.
        normal: frames before the season moves.
        moving: over which it moves.
        moved: frames of the new season before the retraining.
        after: frames that the new detector scores before the run ends.
        shadow_seconds: how long the candidate scores beside the active detector; 0 for not at all.
        most: frames that are sent at most; a run whose retraining takes longer ends there.
    """

    reference: int = 400
    normal: int = 96
    moving: int = 192
    moved: int = 512
    after: int = 128
    shadow_seconds: int = 20
    most: int = 8_000


def plan_season(cameras: Sequence[str], *, spans: SeasonSpans, seed: int, now: datetime) -> Plan:
    """Return a plan without faults, in which a season moves; its last frame lies in the past."""
    begins = spans.reference + spans.normal
    frames = -(-spans.most // WINDOW_SECONDS) * WINDOW_SECONDS
    return Plan(
        cameras=tuple(cameras),
        faults=(),
        spans=Spans(reference=spans.reference, normal=spans.normal),
        severity="mild",
        seed=seed,
        starts_at=_starts_at(now, frames),
        frames=frames,
        season=Season(begins, begins + spans.moving),
    )


def plan_run(
    cameras: Sequence[str], *, spans: Spans, severity: Severity, seed: int, now: datetime
) -> Plan:
    """Return a plan with every fault once, each on its own camera while there are enough.

    The faults begin at moments that the seed decides, not at a window's start; the last frame lies
    in the past, so that no event is dated in the future.
    """
    moments = random.Random(seed)
    begins = spans.reference + spans.normal
    faults = []
    for number, kind in enumerate(FAULT_KINDS):
        begins += moments.randrange(WINDOW_SECONDS)
        fault = Fault(kind, severity, begins, begins + spans.fault)
        faults.append(PlannedFault(cameras[number % len(cameras)], fault))
        begins += spans.fault + spans.recovery
    frames = -(-begins // WINDOW_SECONDS) * WINDOW_SECONDS
    return Plan(
        tuple(cameras), tuple(faults), spans, severity, seed, _starts_at(now, frames), frames
    )


def _starts_at(now: datetime, frames: int) -> datetime:
    first = int(now.timestamp()) - frames - WINDOW_SECONDS
    return datetime.fromtimestamp(first - first % WINDOW_SECONDS, UTC)


def _interleaved(cameras: Sequence[str], indices: range) -> Iterator[tuple[str, int]]:
    return ((camera, index) for index in indices for camera in cameras)
