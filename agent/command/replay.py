"""``driftgauge replay``: what would have been alarmed under other settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, CsvOption, JsonOption
from .rates import parse_picture
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from ..drift.history_replay import Replay, Replayed
    from ..settings.durations import FalseAlarmBudget
    from .reading import Reading


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("replay")(replay)


def replay(
    *,
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Judge the windows from this time on: '2 days' ago, yesterday, 2026-03-01T12:00.",
        ),
    ],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only before this time.")
    ] = None,
    false_alarms: Annotated[
        str | None,
        typer.Option(
            metavar="BUDGET",
            help="Try this budget: '1 per 7 days'. Default: monitor.false_alarms.",
        ),
    ] = None,
    tests: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Try these drift tests: windows,betting,coarse. Default: monitor.tests.",
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Judge what this detector counted. Default: the one that is active.",
        ),
    ] = None,
    segment: Annotated[
        str,
        typer.Option(metavar="FILTER", help='Only these segments: camera=3, or "camera=*".'),
    ] = "*",
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=parse_picture,
            metavar="FILE",
            help="Draw the evidence of the ten nearest segments into FILE.png or FILE.html.",
        ),
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what would have been alarmed under other settings, from the counts that are there.

    Every window is judged again as the monitor judges it, against the baselines as they are now;
    evidence begins anew at --since. Nothing is written: the connection cannot write. What another
    detector would have counted is not known: --detector takes one that was active in that time.

    Try:

    driftgauge replay --since '7 days' --false-alarms '1 per 7 days'

    driftgauge replay --since yesterday --tests ood_rate --segment camera=3 --plot replay.html
    """
    from . import replay_page as page
    from .reading import open_reading, parse_since

    begin = parse_since(since) or datetime.now(UTC)
    end = parse_since(until, option="--until")
    budget = _budget(false_alarms)
    with open_reading(config, store, stream, reads_only=True) as reading:
        from ..wiring.replay import ReplayChoice, build_replay

        monitor = {"monitor": reading.settings.monitor} if reading.settings else {}
        names = [name.strip() for name in tests.split(",")] if tests else []
        choice = ReplayChoice(**monitor, false_alarms=budget, tests=names, detector=detector)
        judge, record = build_replay(reading.store, reading.stream, choice)
        end = end or reading.store.clock()
        found = _run(judge, reading, begin, end, segment)
        page.show(
            reading,
            found,
            page.Tried(begin, end, choice.section, record.detector),
            form="json" if as_json else "csv" if as_csv else "table",
            plot=plot,
        )


def _budget(text: str | None) -> FalseAlarmBudget | None:
    from ..settings.durations import parse_budget

    try:
        return None if text is None else parse_budget(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--false-alarms") from None


def _run(
    judge: Replay, reading: Reading, since: datetime, until: datetime, pattern: str
) -> Replayed:
    """Judge the windows, with a bar on standard error where a terminal shows it."""
    from rich.console import Console

    from ..terminal.progress import progress_bars

    segments = _segments(reading, pattern)
    hours = (until - since).total_seconds() / 3600
    with progress_bars(Console(stderr=True), transient=True) as bars:
        task = bars.add_task("hours", total=round(hours))
        return judge.run(
            since,
            until,
            segments=segments,
            on_reached=lambda at: bars.update(
                task, completed=int((at - since).total_seconds() // 3600)
            ),
        )


def _segments(reading: Reading, pattern: str) -> list[str] | None:
    """Return the segments that are meant, None for all of them.

    Raises:
        BadParameter: none is like that.
    """
    from fnmatch import fnmatchcase

    from driftgauge.storage import POOL

    if pattern == POOL:
        return None
    known = reading.store.segments(reading.stream.stream)
    found = [name for name in known if name == pattern or fnmatchcase(name, pattern)]
    if not found:
        raise typer.BadParameter(
            f"no segment is like {pattern!r}; there are {', '.join(known) or 'none'}",
            param_hint="--segment",
        )
    return found
