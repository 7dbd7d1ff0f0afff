"""``driftgauge alerts show|ack|resolve``: one alert in full, and a person's word on it."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import AlertRecord, AlertTransition, EvidenceRecord

    from .reading import Reading

NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="NUMBER", help="Numbers of alerts.", min=1)
]
SegmentOption = Annotated[
    str | None,
    typer.Option(
        metavar="SEGMENT", help="Every unresolved alert of this segment, such as camera=3."
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Every unresolved alert of the stream.")]
NoteOption = Annotated[str, typer.Option(metavar="TEXT", help="A note with the reason.")]
ByOption = Annotated[
    str, typer.Option(metavar="NAME", help="Who you are. Default: the name you are logged in with.")
]


def show(
    *,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the alert.", min=1)],
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a PNG: the most unusual frames next to typical ones, and a chart over time.",
        ),
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one alert: what changed, its steps, and the offsets of its most unusual messages in Kafka."""
    from ..notify.examples import Examples
    from ..terminal.printing import print_json
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        alert = _the_alert(reading, number)
        examples = Examples(
            reading.store,
            window_seconds=reading.stream.window_seconds,
            draws=picture is not None,
        )
        unusual, drawn = examples(alert)
        if picture is not None:
            _write_picture(picture, drawn)
        steps = reading.store.transitions(number)
    if as_json:
        places = [_place(event) for event in unusual]
        print_json({**asdict(alert), "steps": [asdict(step) for step in steps], "examples": places})
    else:
        _print_alert(alert, steps, [_place(event) for event in unusual])


def acknowledge(
    *,
    numbers: NumbersArgument = None,
    segment: SegmentOption = None,
    everything: AllOption = False,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
) -> None:
    """Say that somebody looks after an alert; it stays until the segment is quiet again."""
    chosen = _Chosen(numbers, segment, everything)
    _move("acknowledged", chosen, note, by, (config, store, stream))


def resolve(
    *,
    numbers: NumbersArgument = None,
    segment: SegmentOption = None,
    everything: AllOption = False,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
) -> None:
    """Resolve an alert. If the segment stays changed, a new one opens when enough evidence has grown."""
    chosen = _Chosen(numbers, segment, everything)
    _move("resolved", chosen, note, by, (config, store, stream))


class _Chosen:
    """Which alerts a person means."""

    def __init__(self, numbers: list[int] | None, segment: str | None, everything: bool) -> None:
        given = [bool(numbers), segment is not None, everything]
        if sum(given) != 1:
            raise typer.BadParameter("give alert numbers, --segment or --all, exactly one of these")
        self.numbers = numbers or []
        self.segment = segment

    def alerts(self, reading: Reading) -> list[AlertRecord]:
        from driftgauge.storage import LIVE_STATES

        if self.numbers:
            return [_the_alert(reading, number) for number in self.numbers]
        return reading.store.alerts(reading.stream.stream, states=LIVE_STATES, segment=self.segment)


def _move(
    state: str,
    chosen: _Chosen,
    note: str,
    by: str,
    where: tuple[Path | None, str | None, str | None],
) -> None:
    from ..terminal.printing import print_line
    from .reading import open_reading

    with open_reading(*where) as reading:
        alerts = chosen.alerts(reading)
        for alert in alerts:
            moved = reading.store.transition_alert(
                alert.id or 0,
                state,
                at=datetime.now(UTC),
                by=by or getpass.getuser(),
                note=note,
            )
            print_line(f"{moved.id}: {moved.segment} is {moved.state}")
        if not alerts:
            print_line("No unresolved alerts.")


def _the_alert(reading: Reading, number: int) -> AlertRecord:
    from ..errors import SettingsError

    found = reading.store.alert(number)
    if found is None or found.stream != reading.stream.stream:
        raise SettingsError(
            f"stream {reading.stream.stream!r} has no alert {number}",
            hint="`driftgauge alerts list --all` lists the existing ones",
        )
    return found


def _write_picture(path: Path, drawn: bytes | None) -> None:
    from ..errors import SettingsError

    if drawn is None:
        raise SettingsError(
            "the alert has no stored frame to draw",
            hint='frames are stored if [evidence] thumbnails is "keep" or "blur"',
        )
    path.write_bytes(drawn)


def _place(event: EvidenceRecord) -> dict[str, object]:
    return {
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "event_id": event.event_id,
        "event_time": event.event_time,
        "p_value": event.p_value,
    }


def _print_alert(
    alert: AlertRecord, steps: list[AlertTransition], places: list[dict[str, object]]
) -> None:
    from ..terminal.printing import percent, print_line, when
    from ..terminal.table import Column, print_table

    print_line((f"Alert {alert.id}", "bold"), f": {alert.message}")
    print_line(f"  {alert.state}, {alert.severity}; since {when(alert.since)} UTC")
    print_line(
        f"  {percent(alert.rate_now)} of {alert.events:,} images out of distribution, normally "
        f"{percent(alert.rate_normal)}; detector {alert.detector}, test {alert.test}"
    )
    if places:
        columns = (Column("message"), Column("p-value", "right"), Column("event id", folds=True))
        rows = [
            (
                f"{place['topic']}/{place['partition']}@{place['offset']}",
                f"{place['p_value']:.2g}",
                str(place["event_id"]),
            )
            for place in places
        ]
        print_table("Most unusual messages", columns, rows)
    for step in steps:
        note = f": {step.note}" if step.note else ""
        print_line(f"  {when(step.at)} UTC  {step.to_state} by {step.by}{note}")
