"""The active detector: what a candidate is fitted like, and compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from driftgauge.detector import Detector, ModelIdentity, load_detector, read_manifest
from driftgauge.storage import Store

from ..errors import RetrainingImpossible
from ..fit.companions import ANCHOR, FAULTS, PROBES, decode_probes
from ..fit.probing import ProbeTaps
from ..keep.origin import tap_origin
from ..keep.shard import Shard, decode_shard
from .new_model import NewModel


@dataclass(frozen=True, slots=True)
class Basis:
    """The active detector, which a candidate is fitted like and compared with.

    Attributes:
        learnt_until: start of the newest run that it learnt from; None after a fit.
        learnt_at: by the database's clock, when it was chosen what it learnt from; None after a fit.
        new_model: what a first detector is fitted for, where this one is of the model before: only how it
            was fitted is taken from it then.
    """

    name: str
    folder: Path
    detector: Detector
    identity: ModelIdentity
    learnt_until: datetime | None
    new_model: NewModel | None = None
    learnt_at: datetime | None = None

    @property
    def origin(self) -> str:
        """Name of the taps that a candidate is fitted on."""
        if self.new_model is not None:
            return self.new_model.origin
        return tap_origin(self.identity, self.detector.channels)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that are counted; none of another model."""
        return () if self.new_model else self.detector.classes

    def for_model(self, model: NewModel) -> Basis:
        """Return what the first detector of another model is fitted like."""
        return replace(
            self, identity=model.identity, learnt_until=None, learnt_at=None, new_model=model
        )

    def anchor(self) -> Shard | None:
        """Return events of the first reference; None where there are none beside the detector."""
        path = self.folder / ANCHOR
        is_there = path.exists() and self.new_model is None
        return decode_shard(path.read_bytes()) if is_there else None

    def probes(self) -> ProbeTaps | None:
        """Return the pictures with known changes; None where there are none beside the detector."""
        return self._changed(PROBES)

    def faults(self) -> ProbeTaps | None:
        """Return the pictures with the faults that have names; None likewise."""
        return self._changed(FAULTS)

    def _changed(self, name: str) -> ProbeTaps | None:
        path = self.folder / name
        is_there = path.exists() and self.new_model is None
        return decode_probes(path.read_bytes()) if is_there else None

    def companions(self) -> dict[str, bytes]:
        """Return the files that go on to the next detector."""
        if self.new_model is not None:
            return {}
        paths = [self.folder / name for name in (ANCHOR, PROBES, FAULTS)]
        return {path.name: path.read_bytes() for path in paths if path.exists()}


def read_basis(store: Store, stream: str) -> Basis:
    """Return the stream's active detector.

    Raises:
        RetrainingImpossible: it has none.
        ArtifactError: its files cannot be read.
    """
    active = store.active_detector(stream)
    if active is None:
        raise RetrainingImpossible(
            f"stream {stream!r} has no active detector to be retrained",
            hint="driftgauge fit makes the first one",
        )
    folder = Path(active.uri)
    manifest = read_manifest(folder)
    learnt = manifest["notes"].get("retraining", {}).get("learnt_until")
    return Basis(
        active.detector,
        folder,
        load_detector(folder),
        ModelIdentity(**manifest["identity"]),
        datetime.fromisoformat(learnt) if learnt else None,
        learnt_at=_learnt_at(store, stream, active.detector),
    )


def _learnt_at(store: Store, stream: str, detector: str) -> datetime | None:
    for record in store.retrainings.all(stream):
        if record.candidate == detector:
            return datetime.fromisoformat(record.plan["until"])
    return None
