"""``driftgauge alerts ack|resolve|accept|note``: a person's word on alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .alert_incidents import the_incident
from .alert_show import the_alert
from .options import ByOption, ConfigOption, JsonOption, NoteOption, person
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import AlertRecord

    from .reading import Reading

_MOST_LINES = 20

NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="NUMBER", help="Numbers of alerts.", min=1)
]
SegmentOption = Annotated[
    str | None,
    typer.Option(
        metavar="SEGMENT", help="Every unresolved alert of this segment, such as camera=3."
    ),
]
IncidentOption = Annotated[
    int | None,
    typer.Option(metavar="NUMBER", help="Every unresolved alert of this incident.", min=1),
]
AllOption = Annotated[bool, typer.Option("--all", help="Every unresolved alert of the stream.")]
Step = Callable[["Reading", list[int], datetime, str], "list[AlertRecord]"]
"""Takes alerts one step further: the database, their numbers, when, and by whom."""


def acknowledge(
    *,
    numbers: NumbersArgument = None,
    segment: SegmentOption = None,
    incident: IncidentOption = None,
    everything: AllOption = False,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that somebody looks after an alert; it stays until the segment is quiet again."""

    def step(reading: Reading, chosen: list[int], at: datetime, who: str) -> list[AlertRecord]:
        return reading.store.transition_alerts(chosen, "acknowledged", at=at, by=who, note=note)

    chosen = Chosen(numbers, segment, everything, incident)
    take_step(step, chosen, by, (config, store, stream), as_json=as_json)


def resolve(
    *,
    numbers: NumbersArgument = None,
    segment: SegmentOption = None,
    incident: IncidentOption = None,
    everything: AllOption = False,
    real: Annotated[
        bool | None,
        typer.Option(
            "--real/--false",
            help="Your verdict: whether something had changed. It is kept, and counted by "
            "`driftgauge alerts verdicts`; of an alert that has ended it can still be given.",
        ),
    ] = None,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resolve an alert. If the segment stays changed, a new one opens when enough evidence has grown."""

    def step(reading: Reading, chosen: list[int], at: datetime, who: str) -> list[AlertRecord]:
        if real is None:
            return reading.store.transition_alerts(chosen, "resolved", at=at, by=who, note=note)
        verdict = "real" if real else "false"
        return reading.store.give_verdicts(chosen, verdict, at=at, by=who, note=note)

    chosen = Chosen(numbers, segment, everything, incident)
    take_step(step, chosen, by, (config, store, stream), as_json=as_json)


def accept(
    *,
    numbers: NumbersArgument = None,
    segment: SegmentOption = None,
    incident: IncidentOption = None,
    everything: AllOption = False,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call a change normal: it is resolved as real, and its windows become part of the baseline.

    The monitor takes them in at its next turn; the same change does not alarm again. An alert that
    has ended can be accepted as well.
    """

    def step(reading: Reading, chosen: list[int], at: datetime, who: str) -> list[AlertRecord]:
        return reading.store.give_verdicts(chosen, "accepted", at=at, by=who, note=note)

    chosen = Chosen(numbers, segment, everything, incident)
    take_step(step, chosen, by, (config, store, stream), as_json=as_json)


def write_note(
    *,
    numbers: NumbersArgument = None,
    segment: SegmentOption = None,
    incident: IncidentOption = None,
    everything: AllOption = False,
    note: Annotated[str, typer.Option(metavar="TEXT", help="What to write down.")],
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a note on an alert; it changes nothing else, and is shown by `driftgauge alerts show`."""

    def step(reading: Reading, chosen: list[int], at: datetime, who: str) -> list[AlertRecord]:
        return [reading.store.note_on_alert(one, at=at, by=who, note=note) for one in chosen]

    chosen = Chosen(numbers, segment, everything, incident)
    take_step(step, chosen, by, (config, store, stream), as_json=as_json)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which alerts a person means: by number, by segment, by incident, or all that live.

    Raises:
        BadParameter: none of these was given, or more than one.
    """

    numbers: list[int] | None
    segment: str | None
    everything: bool
    incident: int | None = None

    def __post_init__(self) -> None:
        others = (self.segment is not None, self.incident is not None, self.everything)
        if sum([bool(self.numbers), *others]) != 1:
            raise typer.BadParameter(
                "give alert numbers, --segment, --incident or --all, exactly one of these"
            )

    def alerts(self, reading: Reading) -> list[AlertRecord]:
        """Return them as they are now."""
        from driftgauge.storage import LIVE_STATES

        if self.numbers:
            return [the_alert(reading, number) for number in self.numbers]
        if self.incident is not None:
            the_incident(reading, self.incident)
        name = reading.stream.stream
        found = reading.store.alerts(name, states=LIVE_STATES, segment=self.segment)
        return [one for one in found if self.incident in (None, one.incident_id)]


def take_step(
    step: Step,
    chosen: Chosen,
    by: str,
    where: tuple[Path | None, str | None, str | None],
    *,
    as_json: bool,
) -> None:
    """Take every chosen alert one step further, and print what it is then."""
    from ..terminal.printing import print_json, print_line
    from .reading import open_reading

    with open_reading(*where) as reading:
        at, who = datetime.now(UTC), person(by)
        numbers = [alert.id or 0 for alert in chosen.alerts(reading)]
        moved = step(reading, numbers, at, who)
    if as_json:
        print_json([asdict(alert) for alert in moved])
    for alert in [] if as_json else moved[:_MOST_LINES]:
        verdict = f", found {alert.verdict}" if alert.verdict else ""
        print_line(f"{alert.id}: {alert.segment} is {alert.state}{verdict}")
    if len(moved) > _MOST_LINES and not as_json:
        print_line(f"... and {len(moved) - _MOST_LINES:,} more.")
    if not moved and not as_json:
        print_line("No unresolved alerts.")
