"""What there is to say of each detector version: what it is, what it did, and who uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from driftgauge.storage import (
    AgentRecord,
    DetectorChange,
    DetectorFigures,
    DetectorRecord,
    Store,
    TrialRecord,
    activations,
)

from ..review.standing import is_alive


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorCard:
    """One version, with its figures.

    Attributes:
        since: when it got its status, by the database's clock.
        changed: the last change of its status.
        reference_events: images that it was fitted on; None where it does not say.
        layers: that it scores.
        bytes_on_disk: of its artifact; None where its folder is not on this machine.
        agents: hosts that score with it now.
        is_rollback_target: whether a rollback would restore it.
        trial: its newest beside an active detector; None without any.
    """

    record: DetectorRecord
    figures: DetectorFigures
    changed: DetectorChange | None
    reference_events: int | None
    layers: tuple[str, ...]
    bytes_on_disk: int | None
    agents: tuple[str, ...]
    is_rollback_target: bool
    trial: TrialRecord | None = None

    @property
    def since(self) -> datetime:
        """Return when it got its status."""
        return self.changed.changed_at if self.changed else self.record.created_at

    def values(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        record, figures = self.record, self.figures
        changed = self.changed
        return {
            "detector": record.detector,
            "status": record.status,
            "since": self.since,
            "changed_by": changed.actor if changed else None,
            "note": changed.note if changed else "",
            "fitted_at": record.created_at,
            "folder": record.uri,
            "pruned_at": record.pruned_at,
            "reference_events": self.reference_events,
            "layers": list(self.layers),
            "bytes_on_disk": self.bytes_on_disk,
            "events": figures.events,
            "ood_rate": figures.ood_rate,
            "first_day": figures.first_day,
            "last_day": figures.last_day,
            "alerts": figures.alerts,
            "live_alerts": figures.live_alerts,
            "agents": list(self.agents),
            "is_rollback_target": self.is_rollback_target,
            "trial": None if self.trial is None else asdict(self.trial),
        }


def detector_cards(store: Store, stream: str) -> list[DetectorCard]:
    """Return a card for every version of *stream*, newest first."""
    changes, figures = store.versions.changes(stream), store.versions.figures(stream)
    agents = [agent for agent in store.agents(stream) if is_alive(agent)]
    stack = activations(changes)
    target = stack[-2] if len(stack) > 1 else None
    trials = {one.detector: one for one in reversed(store.trials.all(stream))}
    return [
        replace(
            _card(one, figures[one.detector], changes, agents, target),
            trial=trials.get(one.detector),
        )
        for one in store.detectors(stream)
    ]


def _card(
    record: DetectorRecord,
    figures: DetectorFigures,
    changes: Sequence[DetectorChange],
    agents: Sequence[AgentRecord],
    target: str | None,
) -> DetectorCard:
    name = record.detector
    moves = [one for one in changes if one.detector == name and one.from_status != one.to_status]
    return DetectorCard(
        record=record,
        figures=figures,
        changed=moves[-1] if moves else None,
        reference_events=_reference_events(record.manifest),
        layers=_layers(record.manifest),
        bytes_on_disk=folder_bytes(Path(record.uri)),
        agents=tuple(one.host for one in agents if name in (one.detector, one.shadow)),
        is_rollback_target=name == target,
    )


def folder_bytes(folder: Path) -> int | None:
    """Return what the files of *folder* take; None where it is not on this machine."""
    if not folder.is_dir():
        return None
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _layers(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the layers of a manifest's taps, without the import of torch."""
    taps = [str(one["name"]) for one in manifest.get("layers", []) if isinstance(one, Mapping)]
    return tuple(dict.fromkeys(tap.partition("~")[0] for tap in taps))


def _reference_events(manifest: Mapping[str, Any]) -> int | None:
    notes = manifest.get("notes")
    coverage = notes.get("coverage") if isinstance(notes, Mapping) else None
    return coverage.get("events") if isinstance(coverage, Mapping) else None
