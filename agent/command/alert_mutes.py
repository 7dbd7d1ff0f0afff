"""``driftgauge alerts mute|unmute|mutes``: whose alerts are told to nobody for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .alert_show import the_alert
from .options import ByOption, ConfigOption, JsonOption, person
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import MuteRecord

    from .reading import Reading

TargetsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SEGMENT|NUMBER",
        help='Segments, such as camera=3 or "camera=*", or numbers of alerts, for their segments.',
    ),
]
SegmentOption = Annotated[
    str | None, typer.Option(metavar="SEGMENT", help="The same, as an option.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every segment, also those that come.")]


def mute(
    *,
    targets: TargetsArgument = None,
    segment: SegmentOption = None,
    everything: AllOption = False,
    lasts: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="DURATION", help="How long: '2 days'. Default: until it is unmuted."
        ),
    ] = None,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for your colleagues.")] = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell nobody of a segment's alerts for a while. They are counted, raised and listed as ever.

    Who was told of an alert is still told its end. When the time is over (by the database's clock),
    an alert that is still unresolved is told.

    Try:

    driftgauge alerts mute camera=3 --for '2 days' --why 'the lens is being cleaned'
    """
    from ..settings.durations import parse_duration
    from .reading import open_reading

    try:
        span = None if lasts is None else parse_duration(lasts)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None
    with open_reading(config, store, stream) as reading:
        made = [
            reading.store.mute(reading.stream.stream, name, lasts=span, by=person(by), why=why)
            for name in _segments(reading, targets, segment, everything=everything)
        ]
    _print(made, as_json=as_json)


def unmute(
    *,
    targets: TargetsArgument = None,
    segment: SegmentOption = None,
    everything: Annotated[bool, typer.Option("--all", help="End every mute.")] = False,
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """End mutes, given as they were made; alerts that they held back and that are unresolved are told."""
    from ..terminal.printing import print_json, print_line
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        chosen = _segments(reading, targets, segment, everything=everything)
        lifted = reading.store.unmute(
            reading.stream.stream, None if everything else chosen, by=person(by)
        )
    if as_json:
        print_json([asdict(one) for one in lifted])
        return
    for one in lifted:
        print_line(f"{_name(one)} is no longer muted")
    if not lifted:
        print_line("No such mute; `driftgauge alerts mutes` lists those there are.")


def list_mutes(
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the mutes that hold: until when, by whom, and why."""
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        found = reading.store.mutes(reading.stream.stream)
    _print(found, as_json=as_json)


def print_mutes(mutes: Sequence[MuteRecord]) -> None:
    """Print one line for each mute."""
    from ..terminal.printing import print_line, when

    for one in mutes:
        until = (
            "until it is unmuted" if one.expires_at is None else f"until {when(one.expires_at)} UTC"
        )
        why = f": {one.why}" if one.why else ""
        print_line(f"{_name(one)} is muted {until}, by {one.by}{why}")


def _print(mutes: Sequence[MuteRecord], *, as_json: bool) -> None:
    from ..terminal.printing import print_json, print_line

    if as_json:
        print_json([asdict(one) for one in mutes])
        return
    print_mutes(mutes)
    if not mutes:
        print_line("Nothing is muted.")


def _name(mute: MuteRecord) -> str:
    return mute.segment or "every segment"


def _segments(
    reading: Reading, targets: Sequence[str] | None, segment: str | None, *, everything: bool
) -> list[str | None]:
    """Return the segments that a person means, None for all there are.

    Raises:
        BadParameter: none was given, or in more than one way.
    """
    if sum([bool(targets), segment is not None, everything]) != 1:
        raise typer.BadParameter("give segments or numbers, --segment or --all, one of these")
    if everything:
        return [None]
    return [_segment(reading, target) for target in targets or [str(segment)]]


def _segment(reading: Reading, target: str) -> str:
    if target.isdecimal():
        return the_alert(reading, int(target)).segment
    if "=" in target or target == "*":
        return target
    raise typer.BadParameter(
        f"{target!r} is neither a segment, such as camera=3, nor the number of an alert"
    )
