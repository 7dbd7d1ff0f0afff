"""Deletes the artifacts of detector versions that nothing needs any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .detector_cards import DetectorCard

MANIFEST = "manifest.json"
_OURS = frozenset({".safetensors", ".json"})
"""Files that an artifact has; a folder with others is left alone."""


def needed_by(card: DetectorCard) -> str | None:
    """Return what needs the version's artifact, None where nothing does."""
    figures = card.figures
    reasons = {
        "it is active": card.record.active,
        "it scores beside the active one": card.record.status == "shadow",
        "driftgauge detectors rollback would restore it": card.is_rollback_target,
        f"agents still score with it ({', '.join(card.agents)})": bool(card.agents),
        f"{figures.live_alerts} live alerts stand on it": figures.live_alerts > 0,
        "what it counted last is not judged yet": figures.waiting_seconds is not None,
    }
    return next((why for why, holds in reasons.items() if holds), None)


def prunable(
    cards: Sequence[DetectorCard], *, keep: int, before: datetime | None
) -> list[DetectorCard]:
    """Return the versions to prune, the oldest last.

    Args:
        cards: every version, newest first.
        keep: of those that nothing needs, so many of the newest stay.
        before: leave what got its status later.
    """
    unneeded = [one for one in cards if one.record.pruned_at is None and not needed_by(one)]
    chosen = [one for one in unneeded[keep:] if before is None or one.since < before]
    return [*chosen, *(one for one in cards if _is_half_pruned(one))]


def _is_half_pruned(card: DetectorCard) -> bool:
    """Return whether it was noted as pruned, and a kill left its folder."""
    return card.record.pruned_at is not None and card.bytes_on_disk is not None


def why_left(folder: Path) -> str | None:
    """Return why *folder* is not to be deleted, None where it is an artifact and holds nothing else."""
    if not folder.is_dir():
        return f"{folder} is not on this machine"
    files = list(folder.iterdir())
    others = [file.name for file in files if file.suffix not in _OURS or not file.is_file()]
    if others:
        return f"{folder} is left as it is: it holds {sorted(others)[0]}"
    if files and not (folder / MANIFEST).is_file():
        return f"{folder} is left as it is: it has no {MANIFEST}"
    return None


def delete_artifact(folder: Path) -> None:
    """Delete an artifact's files and its folder, the manifest last: after a kill it can be done again."""
    for file in sorted(folder.iterdir(), key=lambda file: file.name == MANIFEST):
        file.unlink(missing_ok=True)
    folder.rmdir()
