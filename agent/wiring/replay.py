"""A replay of counted windows, from the database and what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from driftgauge.detector import (
    COMBINED,
    ArtifactError,
    Detector,
    FaultNames,
    layers_of,
    load_detector,
)
from driftgauge.storage import DetectorRecord, Store, StreamRecord, shown_classes

from ..alert.fault_claim import FaultClaim
from ..drift.design_effect import Counts
from ..drift.fault_naming import FaultNaming
from ..drift.history_replay import Replay
from ..drift.label_columns import judged_columns
from ..drift.monitor_settings import MonitorSettings
from ..errors import SettingsError
from ..settings.durations import FalseAlarmBudget
from ..settings.sections import MonitorSection
from .monitor import judged_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayChoice:
    """What a replay is to try; None or empty: as the settings say.

    Attributes:
        monitor: the settings.
        detector: version whose windows are judged; the active one if None.
    """

    monitor: MonitorSection = field(default_factory=MonitorSection)
    false_alarms: FalseAlarmBudget | None = None
    tests: Sequence[str] = ()
    detector: str | None = None

    @property
    def section(self) -> MonitorSection:
        """The settings with what is tried instead."""
        changed: dict[str, object] = {}
        if self.false_alarms is not None:
            changed["false_alarms"] = self.false_alarms
        if self.tests:
            changed["tests"] = tuple(self.tests)
        return self.monitor.model_copy(update=changed)


def build_replay(
    store: Store, stream: StreamRecord, choice: ReplayChoice
) -> tuple[Replay, DetectorRecord]:
    """Return the replay, and the detector whose windows it judges.

    Raises:
        SettingsError: there is no such detector or test.
    """
    detector = _detector(store, stream.stream, choice.detector)
    settings = MonitorSettings.of(
        choice.section,
        stream=stream.stream,
        window_seconds=stream.window_seconds,
        alpha=stream.alpha,
        classes=_classes(detector),
    )
    stored = StoredDetector(Path(detector.uri))
    layers = layers_of(row["name"] for row in detector.manifest["layers"])  # type: ignore[attr-defined]  # JSON
    replay = Replay(
        store,
        detector=detector.detector,
        columns=judged_columns((*layers, COMBINED), settings.tests),
        reference=StoredReference(stored, settings),
        settings=settings,
        classes=_classes(detector),
        name=StoredNaming(stored, store, stream.stream),
    )
    return replay, detector


class StoredDetector:
    """A detector's files, read once and only if something asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def detector(self) -> Detector:
        """The detector.

        Raises:
            ArtifactError: its files are damaged, missing, or of another version.
        """
        return load_detector(self._folder)


class StoredNaming:
    """Names the faults of replayed alerts by the pictures that were kept, as the monitor does.

    The detector is read with the first alert. Where its files are gone, alerts say that.
    """

    def __init__(self, stored: StoredDetector, store: Store, stream: str) -> None:
        self._stored = stored
        self._store = store
        self._stream = stream

    def __call__(self, segment: str, since: datetime, until: datetime) -> FaultClaim:
        """Return what is said of the change from *since* to *until*."""
        if isinstance(self._naming, str):
            return FaultClaim.of(FaultNames(why_not=self._naming))
        return self._naming(segment, since, until)

    @cached_property
    def _naming(self) -> FaultNaming | str:
        """What names faults, or why nothing can."""
        try:
            return FaultNaming(self._store, self._stored.detector, self._stream)
        except ArtifactError as error:
            return f"the detector cannot be read: {error}"


class StoredReference(Mapping[str, Counts]):
    """The reference windows that a detector keeps, read from its files when they are needed."""

    def __init__(self, stored: StoredDetector, how: MonitorSettings) -> None:
        self._stored = stored
        self._how = how

    @cached_property
    def _windows(self) -> Mapping[str, Counts]:
        return judged_reference(self._stored.detector, self._how)

    def __getitem__(self, segment: str) -> Counts:
        return self._windows[segment]

    def __iter__(self) -> Iterator[str]:
        return iter(self._windows)

    def __len__(self) -> int:
        return len(self._windows)


def _classes(detector: DetectorRecord) -> tuple[str, ...]:
    return tuple(shown_classes(detector.manifest))


def _detector(store: Store, stream: str, name: str | None) -> DetectorRecord:
    known = store.detectors(stream)
    found = [row for row in known if (row.active if name is None else row.detector == name)]
    if found:
        return found[0]
    if name is None:
        raise SettingsError(f"stream {stream!r} has no active detector", hint="driftgauge fit")
    listed = ", ".join(row.detector for row in known) or "none"
    raise SettingsError(f"stream {stream!r} has no detector {name!r}; it has: {listed}")
