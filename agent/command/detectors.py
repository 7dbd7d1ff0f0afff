"""``driftgauge detectors``: the fitted versions, which of them scores, and how that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import detector_prune, detector_show, detector_steps
from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..promote.detector_cards import DetectorCard


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(
        help="List detector versions, and choose the one that scores the stream.",
        no_args_is_help=True,
    )
    group.command("list")(list_detectors)
    group.command("show")(detector_show.show)
    group.command("promote")(detector_steps.promote)
    group.command("rollback")(detector_steps.rollback)
    group.command("shadow")(detector_steps.shadow)
    group.command("refuse")(detector_steps.refuse)
    group.command("prune")(detector_prune.prune)
    app.add_typer(group, name="detectors")


def list_detectors(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those whose artifact was deleted by prune.")
    ] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the detector versions of a stream, newest first.

    Rates are of all images of the stream that the version scored.
    """
    from ..promote.detector_cards import detector_cards
    from ..terminal.printing import print_json, print_line
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        cards = detector_cards(reading.store, reading.stream.stream)
        name = reading.stream.stream
    shown = [one for one in cards if everything or one.record.pruned_at is None]
    if as_json:
        print_json([one.values() for one in shown])
    elif not shown:
        print_line(f"Stream {name} has no detector: driftgauge fit")
    else:
        _print(name, shown)
        for one in shown:
            if one.record.status == "refused" and one.changed and one.changed.note:
                print_line(f"{one.record.detector} was refused: {one.changed.note}")


def _print(stream: str, cards: Sequence[DetectorCard]) -> None:
    from ..terminal.printing import percent, when
    from ..terminal.table import Column, print_table

    columns = (
        Column("detector"),
        Column("status"),
        Column("since (UTC)", rank=1),
        Column("by", rank=3, folds=True),
        Column("fitted (UTC)", rank=2),
        Column("reference", "right", rank=4),
        Column("layers", "right", rank=6),
        Column("size", "right", rank=5),
        Column("images", "right"),
        Column("rate", "right"),
        Column("agents", "right"),
    )
    rows = [
        (
            *(one.record.detector, _status(one), when(one.since)),
            one.changed.actor if one.changed else "-",
            when(one.record.created_at),
            "-" if one.reference_events is None else f"{one.reference_events:,}",
            str(len(one.layers)),
            size_text(one.bytes_on_disk),
            f"{one.figures.events:,}",
            percent(one.figures.ood_rate),
            str(len(one.agents)),
        )
        for one in cards
    ]
    print_table(f"Detectors of {stream}", columns, rows)


def _status(card: DetectorCard) -> str:
    if card.trial is not None and card.trial.state == "running":
        from ..terminal.printing import when

        return f"{card.record.status} until {when(card.trial.due_at)}"
    if card.record.pruned_at is not None:
        return f"{card.record.status}, pruned"
    return f"{card.record.status}, rollback" if card.is_rollback_target else card.record.status


def size_text(n_bytes: int | None) -> str:
    """Return a size for people.

    >>> size_text(1_234_000), size_text(None)
    ('1.2 MB', 'not here')
    """
    return "not here" if n_bytes is None else f"{n_bytes / 1e6:.1f} MB"
