"""``driftgauge detectors prune``: delete artifacts that nothing needs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ByOption, ConfigOption, JsonOption, person
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from ..promote.detector_cards import DetectorCard
    from .reading import Reading


def prune(
    *,
    keep: Annotated[
        int, typer.Option(min=0, help="So many of the newest that nothing needs are kept as well.")
    ] = 2,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Only those whose status is older than this, such as '90 days'."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")
    ] = False,
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete the artifacts of detectors that nothing needs; their history and counts stay.

    What is active, what a rollback would restore, and what live alerts or counts that are
    not judged yet stand on is kept.
    """
    from ..promote.detector_cards import detector_cards
    from ..promote.pruning import needed_by, prunable
    from ..terminal.printing import print_json, print_line
    from .detectors import size_text
    from .reading import open_reading, parse_duration_option

    with open_reading(config, store, stream) as reading:
        cards = detector_cards(reading.store, reading.stream.stream)
        before = None
        if older_than is not None:
            age = parse_duration_option(older_than, "--older-than")
            before = reading.store.clock() - timedelta(seconds=age)
        chosen = prunable(cards, keep=keep, before=before)
        left = {} if dry_run else _delete(reading, chosen, person(by))
    gone = [one for one in chosen if one.record.detector not in left]
    kept = {
        one.record.detector: why
        for one in cards
        if one.record.pruned_at is None and (why := needed_by(one))
    }
    if as_json:
        names = [one.record.detector for one in gone]
        print_json({"pruned": names, "left": left, "needed": kept, "dry_run": dry_run})
        return
    said = "would be deleted" if dry_run else "is deleted"
    for one in gone:
        print_line(f"{one.record.detector} {said} ({size_text(one.bytes_on_disk)})")
    for name, why in {**kept, **left}.items():
        print_line(f"{name} is kept: {why}")
    if not chosen:
        print_line("Nothing to delete.")


def _delete(reading: Reading, chosen: list[DetectorCard], by: str) -> dict[str, str]:
    """Delete the artifacts; return why some were left."""
    from ..promote.pruning import delete_artifact, why_left

    left = {}
    for one in chosen:
        record, folder = one.record, Path(one.record.uri)
        why = why_left(folder)
        if why is not None:
            left[record.detector] = why
            continue
        if record.pruned_at is None:  # noted first: no agent takes a folder that is going
            reading.store.versions.note_pruned(reading.stream.stream, record.detector, by=by)
        delete_artifact(folder)
    return left
