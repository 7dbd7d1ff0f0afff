"""``driftgauge score``: the most unusual images of a folder, with p-values."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption
from .start import LogLevelOption, start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ..score.contact_sheet import Tile
    from ..score.image_scorer import ImageScorer
    from ..score.image_source import ImageSource
    from ..score.score_table import ScoredImage, ScoreTable

SOME_UNREAD = 3
"""Exit code where some images have a score and others could not be read."""
N_UNREAD_SHOWN = 10
N_TYPICAL = 5


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("score")(score)


def score(
    *,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR|FILES", help="A folder, whose sub-folders are segments, or image files."
        ),
    ],
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="One of the stream's detectors, or the folder of any. Default: the active one.",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(min=0, metavar="N", help="Print the N most unusual images.")
    ] = 10,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FILE",
            help="Write all scores to a .csv or .parquet file (Parquet needs the extra export).",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw the most unusual images beside typical ones; overwritten if it exists.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw the scores' distribution against normal's (needs the extra plot).",
        ),
    ] = None,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score images with a fitted detector, and print the most unusual ones.

    A p-value is the share of normal images that are at least as unusual. It needs no broker and
    writes nothing to the database. The scores are the agent's for the same images.

    Images that cannot be read are listed and do not stop it. Exit codes: 0 all images have a score, 3
    some have none, 1 none has one, 2 unusable settings.

    Try:

    driftgauge score suspicious --top 20 --picture sheet.png

    driftgauge score cam1.jpg cam2.jpg --to scores.csv
    """
    settings = start(config, log_level=log_level, is_quiet=True)
    _check_targets(to, picture, plot)

    from rich.console import Console

    from ..score.opening import find_detector, open_scorer
    from ..terminal.printing import print_json
    from ..wiring.model import build_model

    folder = find_detector(settings, detector)
    scorer = open_scorer(build_model(settings), folder, settings)
    sources = scorer.sources(images[0] if len(images) == 1 else images)
    table = _scored(scorer, sources, Console(stderr=True))
    _write(table, sources, to=to, picture=picture, plot=plot, top=top or N_TYPICAL)
    if as_json:
        print_json(_values(table, top))
    else:
        _print(table, top)
        _print_left_out(images)
        for path in (to, picture, plot):
            _print_written(path)
    if table.errors:
        raise typer.Exit(SOME_UNREAD if table.n_scored else 1)


def _check_targets(to: Path | None, picture: Path | None, plot: Path | None) -> None:
    """Refuse names that cannot be written before anything is scored."""
    for option, path, suffixes in (
        ("--to", to, (".csv", ".parquet")),
        ("--picture", picture, (".png",)),
        ("--plot", plot, (".png", ".svg")),
    ):
        if path is None:
            continue
        if path.suffix not in suffixes:
            wanted = " or ".join(suffixes)
            raise typer.BadParameter(f"{str(path)!r} does not end in {wanted}", param_hint=option)
        if not path.parent.is_dir():
            raise typer.BadParameter(f"there is no folder {path.parent}", param_hint=option)


def _scored(scorer: ImageScorer, sources: Sequence[ImageSource], console: Console) -> ScoreTable:
    from ..terminal.progress import progress_bars

    with progress_bars(console, transient=True) as bars:
        task = bars.add_task("Scoring images", total=None)

        def on_progress(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        return scorer.score(sources, on_progress)


def _write(
    table: ScoreTable,
    sources: Sequence[ImageSource],
    *,
    to: Path | None,
    picture: Path | None,
    plot: Path | None,
    top: int,
) -> None:
    if to is not None:
        table.write(to)
    if plot is not None:
        table.plot(plot)
    if picture is None:
        return
    from ..score.contact_sheet import write_sheet

    unusual = table.most_unusual(top)
    taken = {one.row for one in unusual}
    typical = [one for one in table.most_typical(top + N_TYPICAL) if one.row not in taken]
    write_sheet(
        picture,
        [
            ("Most unusual", _tiles(sources, unusual)),
            ("Typical", _tiles(sources, typical[:N_TYPICAL])),
        ],
    )


def _tiles(sources: Sequence[ImageSource], chosen: Sequence[ScoredImage]) -> list[Tile]:
    from ..errors import EventError
    from ..score.contact_sheet import Tile
    from ..score.score_table import moved_words

    found = []
    for one in chosen:
        with suppress(EventError):  # a file that went meanwhile
            image = sources[one.row].read()
            last = one.looks_like or moved_words(one, 2)
            found.append(Tile(image, [f"p {one.p_value:.4f}", one.name, last]))
    return found


def _values(table: ScoreTable, top: int) -> dict[str, object]:
    return {
        "detector": table.detector,
        "images": len(table),
        "scored": table.n_scored,
        "unusual": table.n_unusual,
        "alpha": table.alpha,
        "least_p_value": table.normal.least_p_value,
        "not_named": table.not_named or None,
        "most_unusual": [
            {
                "image": one.name,
                "p_value": one.p_value,
                "score": one.score,
                "moved": dict(one.moved),
                "looks_like": one.looks_like or None,
            }
            for one in table.most_unusual(top)
        ],
        "errors": {table.names[row]: reason for row, reason in table.errors.items()},
    }


def _print(table: ScoreTable, top: int) -> None:
    from ..score.score_table import moved_words
    from ..terminal.printing import percent, print_line
    from ..terminal.table import Column, print_table

    if table.n_scored and top:
        columns = [
            Column("p-value", "right"),
            Column("image", folds=True),
            Column("layers that moved", rank=2, folds=True),
            Column("looks like", rank=1, folds=True),
        ]
        rows = [
            [f"{one.p_value:.4f}", one.name, moved_words(one) or "-", one.looks_like or "-"]
            for one in table.most_unusual(top)
        ]
        print_table("The most unusual images", columns, rows)
    if table.n_scored:
        rate = percent(table.n_unusual / table.n_scored)
        print_line(
            f"{table.n_scored} images scored by detector {table.detector}: {table.n_unusual} "
            f"({rate}) unusual at p <= {table.alpha:g}; of normal images {percent(table.alpha)} are."
        )
        if (least := table.normal.least_p_value) > table.alpha:
            print_line(
                ("note: ", "yellow"),
                f"no p-value of this detector is below {least:.3g}: its reference is too small for "
                f"stream.alpha = {table.alpha:g}. Compare the scores, or fit on more images.",
            )
    if table.not_named:
        print_line(("note: ", "yellow"), f"faults are not named: {table.not_named}.")
    _print_unread(table)


def _print_unread(table: ScoreTable) -> None:
    from rich.console import Console

    from ..terminal.printing import print_line

    console = Console(stderr=True)
    if table.errors:
        print_line(
            (f"{len(table.errors)} of {len(table)} images have no score:", "red"), console=console
        )
    for row, reason in list(table.errors.items())[:N_UNREAD_SHOWN]:
        print_line(f"  {table.names[row]}: {reason}", console=console)
    if (n_more := len(table.errors) - N_UNREAD_SHOWN) > 0:
        print_line(f"  and {n_more} more: --to and --json list all", console=console)


def _print_left_out(given: Sequence[Path]) -> None:
    """Say which files of the folders were not looked at, since their names are no image's."""
    from ..fit.folder import other_files
    from ..terminal.printing import print_line

    others = [path for folder in given if folder.is_dir() for path in other_files(folder)]
    if others:
        kinds = ", ".join(sorted({path.suffix or "no suffix" for path in others})[:5])
        print_line(
            ("note: ", "yellow"),
            f"{len(others)} other files were not read ({kinds}); name a file to have it read.",
        )


def _print_written(path: Path | None) -> None:
    from ..terminal.printing import print_line

    if path is not None:
        print_line(f"Wrote {path}.")
