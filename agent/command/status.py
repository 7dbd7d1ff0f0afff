"""``driftgauge status``: where a stream stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from .reading import Reading


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("status")(status)


def status(
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the detector, how far each partition is counted, live alerts and score statistics.

    Reads only the database: it works while the agent runs, and while it does not.
    """
    from ..terminal.printing import print_json
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        if as_json:
            print_json(_values(reading))
            return
        _print_head(reading)
        _print_partitions(reading)
        _print_segments(reading)
        _print_alerts(reading)
        _print_scores(reading)


def _values(reading: Reading) -> dict[str, Any]:
    from .alerts import LIVE
    from .normal import normal_rates

    store, name = reading.store, reading.stream.stream
    detector, monitor = store.active_detector(name), store.monitor_state(name)
    last = store.rates(name, period="window", segment="*", limit=1)
    return {
        **asdict(reading.stream),
        "detector": asdict(detector) if detector else None,
        "partitions": [asdict(row) for row in store.partitions(name)],
        "last_window": asdict(last[0]) if last else None,
        "judged_until": monitor.cursor if monitor else None,
        "segments": store.event_counts(name),
        "normal_rates": normal_rates(store, name),
        "alerts": [asdict(row) for row in store.alerts(name, states=LIVE)],
        "scores": [_numbers(asdict(row)) for row in store.summaries(name)],
    }


def _numbers(summary: dict[str, Any]) -> dict[str, Any]:
    """Return *summary* with None for what is not a number, which JSON cannot say."""
    return {name: None if value != value else value for name, value in summary.items()}  # noqa: PLR0124


def _print_head(reading: Reading) -> None:
    from ..terminal.printing import percent, print_line, when

    store, stream = reading.store, reading.stream
    detector, monitor = store.active_detector(stream.stream), store.monitor_state(stream.stream)
    last = store.rates(stream.stream, period="window", segment="*", limit=1)
    lines = {
        "stream": stream.stream,
        "topic": f"{stream.topic}, windows of {stream.window_seconds} s",
        "detector": f"{detector.detector} ({detector.uri})" if detector else "none registered",
        "last window": "none yet",
        "judged until": when(monitor.cursor) + " UTC" if monitor else "not yet",
    }
    if last:
        row = last[0]
        lines["last window"] = (
            f"{when(row.period_start)} UTC, {row.events} images, {percent(row.ood_rate)} "
            "out of distribution"
        )
    for label, text in lines.items():
        print_line(f"{label:<13}{text}")


def _print_partitions(reading: Reading) -> None:
    from ..terminal.printing import print_line, when
    from ..terminal.table import Column, print_table

    rows = [
        (
            *(row.topic, str(row.partition), str(row.next_offset)),
            *(when(row.event_time_max), when(row.flushed_at)),
        )
        for row in reading.store.partitions(reading.stream.stream)
    ]
    print_line("")
    if not rows:
        print_line("No partition counted yet: has the agent run? (driftgauge run)")
        return
    columns = (
        *(Column("topic", rank=1, folds=True), Column("partition", "right")),
        Column("next offset", "right"),
        *(Column("latest event (UTC)", rank=2), Column("flushed (UTC)")),
    )
    print_table("Partitions", columns, rows)


def _print_segments(reading: Reading) -> None:
    from ..terminal.printing import percent, print_line
    from ..terminal.table import Column, print_table
    from .normal import normal_rates

    name = reading.stream.stream
    counts = reading.store.event_counts(name)
    if not counts:
        return
    normal = normal_rates(reading.store, name)
    rows = [(key, str(count), percent(normal.get(key))) for key, count in counts.items()]
    print_line("")
    columns = (
        Column("segment", folds=True),
        Column("images", "right"),
        Column("normally", "right"),
    )
    print_table("Segments", columns, rows)


def _print_alerts(reading: Reading) -> None:
    from ..terminal.printing import print_line
    from .alerts import LIVE, print_alerts

    live = reading.store.alerts(reading.stream.stream, states=LIVE)
    print_line("")
    if live:
        print_alerts("Live alerts", live)
    else:
        print_line("No live alerts.")


def _print_scores(reading: Reading) -> None:
    from ..terminal.printing import print_line
    from ..terminal.table import Column, print_table

    names = ("mean", "variance", "minimum", "p05", "p50", "p95", "maximum")
    rows = [
        (row.layer, str(row.events), *(f"{getattr(row, name):.4g}" for name in names))
        for row in reading.store.summaries(reading.stream.stream)
    ]
    if rows:
        print_line("")
        ranks = {"variance": 4, "minimum": 3, "p05": 2, "maximum": 1}
        columns = (
            *(Column("layer", folds=True), Column("images", "right", rank=5)),
            *(Column(name, "right", rank=ranks.get(name, 0)) for name in names),
        )
        print_table("Scores since the agent started", columns, rows)
