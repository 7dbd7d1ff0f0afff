"""``driftgauge segments``: what each segment is tested against, and how near it is to an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from ..review.segment_worth import SegmentWorth
    from .reading import Reading

_MOST = 20


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("segments")(segments)


def segments(
    pattern: Annotated[
        str,
        typer.Argument(metavar="[FILTER]", help='Only these: camera=3, or "camera=*".'),
    ] = "*",
    *,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE",
            help="Only alert, silent, judged, learning, untested or waiting.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all of them, not the worst twenty.")
    ] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each segment is tested against, and how near it is to an alert; the worst first.

    Of each: whether it is tested, or why not; the images of its baseline and how many independent
    ones they count as (effective sample size); where the baseline comes from, and how it grew; how near
    the evidence is to an alert; in how much of its traffic a failure of all its images would be told, and
    how soon that 10 % of them are unusual; how far the last quiet day lay from the baseline (drift: of the
    mean of -log p; more than 0.2 does not join); how far its clock is off; and, where monitor.site is set,
    whether it changed alone at its site or with how many siblings.

    Reads only the database. Exit code 0; 1 when it cannot be read, 2 for unusable settings.
    """
    from ..review.segment_worth import PHASES, segment_worths
    from .reading import open_reading

    if state is not None and state not in PHASES:
        raise typer.BadParameter(f"{state!r} is not a state; wanted one of {', '.join(PHASES)}")
    with open_reading(config, store, stream) as reading:
        found = segment_worths(reading.store, reading.stream.stream, reading.judging())
        chosen = [row for row in found if row.fits(pattern) and state in (None, row.phase)]
        if as_json:
            _print_json(chosen)
        else:
            _print(reading, chosen, everything=everything)


def _print_json(rows: list[SegmentWorth]) -> None:
    from dataclasses import asdict

    from ..terminal.printing import print_json

    print_json([asdict(row) for row in rows])


def _print(reading: Reading, rows: list[SegmentWorth], *, everything: bool) -> None:
    from ..terminal.printing import print_line
    from ..terminal.table import Column, print_table

    if not rows:
        print_line(f"No segment of {reading.stream.stream} is like that.")
        return
    shown = rows if everything else rows[:_MOST]
    has_sites = any(row.site for row in rows)
    columns = [
        Column("segment", folds=True),
        Column("state"),
        Column("baseline", side="right", rank=2),
        Column("worth", side="right", rank=1),
        Column("from", rank=3, folds=True),
        Column("to an alert", side="right"),
        Column("all fail", side="right", rank=1),
        Column("10 %", side="right", rank=2),
        Column("drift", side="right", rank=4),
        Column("clock", rank=4),
        *([Column("site", rank=3, folds=True)] if has_sites else []),
        Column("remarks", rank=1, folds=True),
    ]
    title = f"Segments of {reading.stream.stream}, the nearest to an alert first"
    print_table(title, columns, [_cells(row, has_sites=has_sites) for row in shown])
    if len(rows) > len(shown):
        print_line(f"and {len(rows) - len(shown)} more: --all shows them")


def _cells(row: SegmentWorth, *, has_sites: bool) -> list[str]:
    from ..counting.clocks import clock_text
    from ..terminal.printing import percent

    worth = "-" if row.effective_events is None else f"{row.effective_events:.0f}"
    return [
        row.segment,
        row.phase,
        "-" if row.events is None else str(row.events),
        worth,
        _source(row),
        "-" if row.nearness is None else percent(row.nearness),
        row.power.total_failure if row.power else "-",
        row.power.tenth if row.power else "-",
        "-" if row.day_shift is None else f"{row.day_shift:.2f}",
        clock_text(row.clock_offset_seconds) if row.clock_offset_seconds is not None else "-",
        *([row.siblings or row.site or "-"] if has_sites else []),
        _why(row),
    ]


def _source(row: SegmentWorth) -> str:
    """Return where the baseline comes from, how it grew, and how many states it keeps apart."""
    parts = [row.source or "-"]
    if row.grown and row.grown_until:
        parts.append(f"{row.grown} windows grown until {row.grown_until:%Y-%m-%d}")
    if (row.components or 1) > 1:
        parts.append(f"{row.components} states")
    return ", ".join(parts)


def _why(row: SegmentWorth) -> str:
    """Return why it raises no alert, or why its baseline does not grow."""
    if row.days_outside:
        outside = f"{row.days_outside} days too far from its baseline to join it"
        return f"{row.why}; {outside}" if row.why else outside
    return row.why
