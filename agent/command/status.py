"""``driftgauge status``: where a stream stands."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from ..review.segment_standing import SegmentStanding
    from ..review.standing import Answer, StreamStanding
    from .reading import Reading

EXIT_CODES = {"working": 0, "not running": 3, "held up": 4, "not judging": 5}


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("status")(status)


def status(
    *,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Show every segment, partition, agent and alert, and the layers' scores."
        ),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")
    ] = False,
    every: Annotated[
        str, typer.Option(metavar="DURATION", help="How often, with --watch.")
    ] = "5 seconds",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether the stream is watched now, how each segment stands, and what is claimed.

    Reads only the database: it works while the agent runs, and while it does not. It fits on a
    screen: of many segments the worst ten are shown, and how many stand how; --all shows all.

    Exit code 0 when it works; 3 when no agent runs; 4 when those that run are held up (waiting for
    broker, database or partitions, or stuck); 5 when images are counted and windows are not judged;
    1 when the database cannot be read, 2 for unusable settings.
    """
    from .reading import open_reading, parse_duration_option

    seconds = parse_duration_option(every, "--every")
    with open_reading(config, store, stream) as reading:
        while True:
            answer = _show(reading, everything=everything, clears=watch, as_json=as_json)
            if not watch:
                break
            try:
                time.sleep(seconds)
            except KeyboardInterrupt:
                break
    if code := EXIT_CODES[answer]:
        raise typer.Exit(code)


def _show(reading: Reading, *, everything: bool, clears: bool, as_json: bool) -> Answer:
    """Print how the stream stands now; return whether it works."""
    from rich.console import Console

    from ..review.standing import stream_standing
    from ..terminal.printing import print_json
    from . import status_page as page

    standing = stream_standing(reading.store, reading.stream)
    if as_json:
        print_json(_values(reading, standing))
        return standing.answer
    standings = _standings(reading)
    if clears:
        Console().clear()  # nothing where there is no terminal
    page.print_head(reading, standing)
    page.print_agents(standing, everything=everything)
    page.print_partitions(reading, everything=everything)
    page.print_segments(reading, standings, everything=everything)
    page.print_live_alerts(reading, everything=everything)
    page.print_deliveries(reading)
    if everything:
        page.print_scores(reading)
    return standing.answer


def _values(reading: Reading, standing: StreamStanding) -> dict[str, Any]:
    from driftgauge.storage import BACKLOG_STATES, LIVE_STATES

    from ..review.normal import normal_rates
    from ..review.standing import is_alive

    store, name = reading.store, reading.stream.stream
    detector = store.active_detector(name)
    last = standing.last_window
    return {
        **asdict(reading.stream),
        "answer": standing.answer,
        "why": standing.why,
        "agents": [asdict(row) | {"is_alive": is_alive(row)} for row in standing.agents],
        "detector": asdict(detector) if detector else None,
        "partitions": [asdict(row) for row in store.partitions(name)],
        "last_window": asdict(last) if last else None,
        "judged_until": standing.judged_until,
        "judging_lag_seconds": standing.judging_lag_seconds,
        "segments": store.event_counts(name),
        "standings": [asdict(row) for row in _standings(reading)],
        "normal_rates": normal_rates(store, name),
        "alerts": [asdict(row) for row in store.alerts(name, states=LIVE_STATES)],
        "undelivered": [asdict(row) for row in store.notification_counts(name, BACKLOG_STATES)],
        "scores": [_numbers(asdict(row)) for row in store.summaries(name)],
    }


def _standings(reading: Reading) -> list[SegmentStanding]:
    from ..review.segment_standing import segment_standings

    return segment_standings(reading.store, reading.stream.stream, reading.judging())


def _numbers(summary: dict[str, Any]) -> dict[str, Any]:
    """Return *summary* with None for what is not a number, which JSON cannot say."""
    return {name: None if value != value else value for name, value in summary.items()}  # noqa: PLR0124
