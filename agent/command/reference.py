"""``driftgauge reference``: runs that are not learnt until a person has looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ByOption, ConfigOption, JsonOption, NoteOption, person
from .reading import StoreOption, StreamOption, open_reading

if TYPE_CHECKING:
    from driftgauge.storage import ReviewRecord, Store

    from .reading import Reading

_MOST_PICTURES = 9

Numbers = Annotated[list[int], typer.Argument(help="Numbers, as the list shows them.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(help="Review what is put aside from learning.", no_args_is_help=True)
    group.callback()(_group)
    group.command("list")(show)
    group.command("accept")(accept)
    group.command("refuse")(refuse)
    app.add_typer(group, name="reference")


def _group() -> None:
    """Review runs of windows that retraining has put aside, since they are far from usual."""


def show(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Show also those that were decided.")
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write thumbnails of each run's most unusual images there, as far as they are kept.",
        ),
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs that a retraining has put aside: far more unusual events than their segment usually has.

    They are not learnt until they are accepted. With --pictures, each run has up to nine files
    NUMBER-PLACE.jpg in the folder, the most unusual first.

    Try:

    driftgauge reference list --pictures put-aside
    """
    states = None if everything else ("waiting",)
    with open_reading(config, store, stream) as reading:
        rows = reading.store.retrainings.reviews(reading.stream.stream, states=states)
        files = None if pictures is None else _write_pictures(reading, rows, pictures)
    if as_json:
        _print_json(rows, files)
    else:
        _print_rows(rows, files)
    if pictures is not None and not as_json:
        _say_pictures(rows, files or {}, pictures)


def _write_pictures(
    reading: Reading, rows: Sequence[ReviewRecord], folder: Path
) -> dict[int, list[str]]:
    """Write the thumbnails of each run; return their files' names, by the run's number."""
    from ..labelling.alert_frames import thumbnails_only
    from ..review.put_aside import put_aside_frames
    from ..settings.sections import KeepSection

    settings = reading.settings
    keep, mode = KeepSection(), None
    if settings is not None:
        keep, mode = settings.keep, settings.evidence.thumbnails
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[int, list[str]] = {}
    for row in rows:
        events = put_aside_frames(reading.store, reading.stream, row, keep, limit=_MOST_PICTURES)
        frames = thumbnails_only(events, "", mode=mode or "keep")
        shown = [frame.picture for frame in frames if frame.picture is not None]
        written[row.id] = [f"{row.id}-{place}.jpg" for place in range(1, len(shown) + 1)]
        for name, picture in zip(written[row.id], shown, strict=True):
            (folder / name).write_bytes(picture)
    return written


def _print_json(rows: Sequence[ReviewRecord], files: Mapping[int, Sequence[str]] | None) -> None:
    from ..terminal.printing import print_json

    print_json(
        [asdict(row) | ({} if files is None else {"pictures": files[row.id]}) for row in rows]
    )


def _print_rows(rows: Sequence[ReviewRecord], files: Mapping[int, Sequence[str]] | None) -> None:
    from ..terminal.printing import print_line, when
    from ..terminal.table import Column, print_table

    if not rows:
        print_line("nothing waits for a review")
        return
    columns = [
        Column("number", "right"),
        Column("segment", folds=True),
        Column("from (UTC)"),
        Column("unusual", "right"),
        Column("events", "right"),
        *([Column("pictures", "right")] if files is not None else []),
        Column("state"),
        Column("by", rank=1),
        Column("note", folds=True, rank=2),
    ]
    cells = [
        [
            *(str(row.id), row.segment, when(row.run_start), str(row.unusual), str(row.events)),
            *([str(len(files[row.id]))] if files is not None else []),
            *(row.state, row.decided_by or "", row.note),
        ]
        for row in rows
    ]
    print_table("Put aside from learning", columns, cells)


def _say_pictures(
    rows: Sequence[ReviewRecord], files: Mapping[int, Sequence[str]], folder: Path
) -> None:
    from ..terminal.printing import print_line

    lacking = [str(row.id) for row in rows if not files[row.id]]
    n_files = sum(len(names) for names in files.values())
    print_line(f"{n_files} pictures in {folder}, named by the run's number")
    if lacking:
        print_line(
            (f"no picture is kept of {', '.join(lacking)}: ", "yellow"),
            "none of the run's events was among the most unusual of its windows, they are older than "
            "evidence.keep_days, only their taps were sent, or evidence.thumbnails is none",
        )


def accept(
    numbers: Numbers,
    *,
    by: ByOption = "",
    note: NoteOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
) -> None:
    """Say that these runs are normal: the next retraining learns from them."""
    with open_reading(config, store, stream) as reading:
        _decide(reading.store, reading.stream.stream, numbers, "accepted", by=by, note=note)


def refuse(
    numbers: Numbers,
    *,
    by: ByOption = "",
    note: NoteOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
) -> None:
    """Say that these runs are not normal: no retraining learns from them."""
    with open_reading(config, store, stream) as reading:
        _decide(reading.store, reading.stream.stream, numbers, "refused", by=by, note=note)


def _decide(
    store: Store, stream: str, numbers: list[int], state: str, *, by: str, note: str
) -> None:
    from ..terminal.printing import print_line

    who = person(by)
    n = store.retrainings.decide(stream, numbers, state, by=who, note=note)
    print_line(f"{n} runs {state}")
