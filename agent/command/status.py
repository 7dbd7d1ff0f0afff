"""``driftgauge status``: where a stream stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from ..review.segment_standing import SegmentStanding
    from ..review.standing import StreamStanding
    from .reading import Reading

EXIT_CODES = {"working": 0, "not running": 3, "held up": 4, "not judging": 5}


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("status")(status)


def status(
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether the stream is watched now, how each segment stands, and what is claimed.

    Reads only the database: it works while the agent runs, and while it does not.

    Exit code 0 when it works; 3 when no agent runs; 4 when those that run are held up (waiting for
    broker, database or partitions, or stuck); 5 when images are counted and windows are not judged;
    1 when the database cannot be read, 2 for unusable settings.
    """
    from ..review.standing import stream_standing
    from ..terminal.printing import print_json
    from . import status_page as page
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        standing = stream_standing(reading.store, reading.stream)
        if as_json:
            print_json(_values(reading, standing))
        else:
            page.print_head(reading, standing)
            page.print_agents(standing)
            page.print_partitions(reading)
            page.print_segments(reading, _standings(reading))
            page.print_live_alerts(reading)
            page.print_scores(reading)
    if code := EXIT_CODES[standing.answer]:
        raise typer.Exit(code)


def _values(reading: Reading, standing: StreamStanding) -> dict[str, Any]:
    from driftgauge.storage import LIVE_STATES

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
        "scores": [_numbers(asdict(row)) for row in store.summaries(name)],
    }


def _standings(reading: Reading) -> list[SegmentStanding]:
    from ..review.segment_standing import segment_standings

    learn = reading.settings.monitor.learn if reading.settings else None
    return segment_standings(reading.store, reading.stream.stream, learn=learn)


def _numbers(summary: dict[str, Any]) -> dict[str, Any]:
    """Return *summary* with None for what is not a number, which JSON cannot say."""
    return {name: None if value != value else value for name, value in summary.items()}  # noqa: PLR0124
