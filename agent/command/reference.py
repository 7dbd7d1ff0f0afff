"""``driftgauge reference``: runs that are not learnt until a person has looked."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ByOption, ConfigOption, JsonOption, NoteOption, person
from .reading import StoreOption, StreamOption, open_reading

if TYPE_CHECKING:
    from driftgauge.storage import Store

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
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs that a retraining has put aside: far more unusual events than their segment usually has.

    They are not learnt until they are accepted. The pictures of the most unusual events of those windows
    are in the report: driftgauge report --since.
    """
    from ..terminal.printing import print_json, print_line, when
    from ..terminal.table import Column, print_table

    states = None if everything else ("waiting",)
    with open_reading(config, store, stream) as reading:
        rows = reading.store.retrainings.reviews(reading.stream.stream, states=states)
        if as_json:
            print_json([asdict(row) for row in rows])
            return
        if not rows:
            print_line("nothing waits for a review")
            return
        columns = [
            Column("number", "right"),
            Column("segment", folds=True),
            Column("from (UTC)"),
            Column("unusual", "right"),
            Column("events", "right"),
            Column("state"),
            Column("by", rank=1),
            Column("note", folds=True, rank=2),
        ]
        print_table(
            "Put aside from learning",
            columns,
            [
                [
                    *(str(row.id), row.segment, when(row.run_start), str(row.unusual)),
                    *(str(row.events), row.state, row.decided_by or "", row.note),
                ]
                for row in rows
            ],
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
