"""Detector versions, loaded for the model that runs: at the start, and when another one is promoted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from driftgauge.detector import PIXELS, ArtifactMismatch, Detector, load_detector
from driftgauge.storage import DetectorRecord, Store, shown_classes

from ..counting.tap_keeper import KeepSettings
from ..drift.monitor import Monitor
from ..drift.power_meter import PowerMeter
from ..events.tap_vectors import TapOrigin, TapsWanted
from ..loop.next_detector import NextDetector
from ..model.load import LoadedModel
from ..model.reader import LayerReader
from ..model.scorer import ModelScorer
from ..model.shadow_scorer import ShadowScorer
from ..settings.load import Settings
from .keep import build_keep
from .monitor import build_monitor, build_power_meter


@dataclass(slots=True)
class DetectorLoader:
    """Makes scorers and monitors of detector versions, for one loaded model.

    Attributes:
        running: the scorer that was made last; what it reads is what a following one may need.
    """

    settings: Settings
    store: Store
    loaded: LoadedModel
    running: ModelScorer | None = field(default=None)

    def prepare(self, record: DetectorRecord, beside: DetectorRecord | None = None) -> NextDetector:
        """Return what scores with a version from a batch on; it is tried now, not at the first event.

        Args:
            beside: the shadow; it needs nothing that the agent does not read for the other one, or
                from its pictures.

        Raises:
            DetectorError: it cannot be read, was made for another model, or needs what this agent
                does not have.
            ModelFault: the model fails.
        """
        detector = load_detector(Path(record.uri), self.loaded.identity)
        if self.running is None or not set(detector.taps) <= set(self.running.taps):
            self._check(record.detector, detector)
            LayerReader(self.loaded, detector.taps).try_out()
        shadow = None if beside is None else self._shadow(beside, detector)
        self.running = ModelScorer(
            self.loaded,
            detector,
            name=record.detector,
            gives_taps=self.settings.keep.taps,
            shadow=shadow,
        )
        return NextDetector(
            self.running,
            self._taps_wanted(detector),
            self._keep(record, detector),
            detector.classes,
            None if beside is None else beside.detector,
        )

    def _shadow(self, record: DetectorRecord, active: Detector) -> ShadowScorer:
        shadow = load_detector(Path(record.uri), self.loaded.identity)
        missing = [tap for tap in shadow.taps if tap not in active.taps]
        if PIXELS in missing or (missing and self.running and self.running.has_seen_taps):
            raise ArtifactMismatch(
                f"detector {record.detector} needs taps that are not read for the active one: "
                f"{', '.join(missing)}",
                hint="promote it instead, after a restart of the agents",
            )
        if missing:
            LayerReader(self.loaded, missing).try_out()
        return ShadowScorer(shadow, name=record.detector, device=self.loaded.device)

    def monitor(self, record: DetectorRecord, *, is_shadow: bool = False) -> Monitor:
        """Return the monitor of a version's windows; that of a shadow raises no alert.

        Raises:
            DetectorError: its artifact cannot be read.
        """
        detector = load_detector(Path(record.uri))
        return build_monitor(self.settings, self.store, detector, record, is_shadow=is_shadow)

    def power(self, name: str) -> PowerMeter:
        """Return what measures how soon the tests of a version would tell changes."""
        record = self.store.versions.get(self.settings.stream.name, name)
        classes = shown_classes(record.manifest) if record else ()
        return build_power_meter(self.settings, self.store, name, classes)

    def _check(self, name: str, detector: Detector) -> None:
        """Refuse taps that neither the pictures in memory nor the serving process bring."""
        if self.running is None:
            return
        missing = [tap for tap in detector.taps if tap not in self.running.taps]
        if PIXELS in missing:
            raise ArtifactMismatch(
                f"detector {name} scores statistics of pixels, which this agent has not measured so far",
                hint="restart this agent",
            )
        if self.running.has_seen_taps:
            raise ArtifactMismatch(
                f"detector {name} needs taps that the serving process was not asked for: "
                f"{', '.join(missing)}",
                hint="attach with these layers in the serving process, then restart this agent",
            )

    def _taps_wanted(self, detector: Detector) -> TapsWanted:
        identity = self.loaded.identity
        return TapsWanted(
            origin=TapOrigin(identity.weights, identity.preprocessing, identity.precision),
            channels=detector.channels,
        )

    def _keep(self, record: DetectorRecord, detector: Detector) -> KeepSettings | None:
        return build_keep(
            self.settings,
            self.store,
            name=record.detector,
            identity=self.loaded.identity,
            channels=detector.channels,
        )
