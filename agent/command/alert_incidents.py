"""``driftgauge alerts incidents``: alerts with one cause, together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..terminal.natural_order import natural_key
from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import AlertRecord, IncidentRecord, IncidentStep

    from .reading import Reading

_MOST_PARTS = 10
_MOST_SHARED = 3


def show_incidents(
    *,
    number: Annotated[
        int | None, typer.Argument(metavar="NUMBER", help="Show this one in full.", min=1)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Include those that are over.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 15,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """List incidents, newest first: alerts that began together and are told as one; or show one.

    Its number is also an option of `driftgauge alerts ack` and `resolve`.
    """
    from driftgauge.storage import LIVE_STATES

    from ..terminal.printing import print_json
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        if number is not None:
            one = the_incident(reading, number)
            steps = reading.store.incident_steps(number)
            _show(one, steps, as_json=as_json)
            return
        states = None if everything else LIVE_STATES
        found = reading.store.incidents(reading.stream.stream, states=states)
    if as_json:
        print_json([_values(one) for one in found[:limit]])
    else:
        _print(found[:limit], n_more=len(found) - limit, everything=everything)


def print_shared(reading: Reading, alerts: Sequence[AlertRecord]) -> None:
    """Say which of *alerts* have one cause, of each such incident in a line."""
    from ..alert.incident_wording import incident_summary
    from ..terminal.printing import print_line

    sizes = Counter(one.incident_id for one in alerts if one.incident_id is not None)
    shared = [number for number, n_alerts in sizes.most_common() if n_alerts > 1][:_MOST_SHARED]
    if not shared:
        return
    for one in reading.store.incidents(reading.stream.stream, ids=shared):
        print_line((f"Incident {one.id}", "bold"), f": {incident_summary(one)}")
    print_line("`driftgauge alerts incidents` lists alerts that began together as one.")


def the_incident(reading: Reading, number: int) -> IncidentRecord:
    """Return the stream's incident with this number, or say that there is none."""
    from ..errors import SettingsError

    found = reading.store.incidents(reading.stream.stream, ids=[number])
    if not found:
        raise SettingsError(
            f"stream {reading.stream.stream!r} has no incident {number}",
            hint="`driftgauge alerts incidents --all` lists the existing ones",
        )
    return found[0]


def _values(one: IncidentRecord) -> dict[str, Any]:
    from ..alert.incident_wording import incident_message

    return asdict(one) | {"message": incident_message(one)}


def _print(found: Sequence[IncidentRecord], *, n_more: int, everything: bool) -> None:
    from ..terminal.printing import print_line

    if not found:
        print_line(
            "No incidents." if everything else "No unresolved incidents; --all shows others."
        )
        return
    print_incidents("Incidents", found)
    if n_more > 0:
        print_line(f"... and {n_more:,} more; --limit shows more of them.")


def print_incidents(title: str, found: Sequence[IncidentRecord]) -> None:
    """Print a table of incidents, one in a row."""
    from ..alert.incident_wording import incident_subject
    from ..terminal.printing import when
    from ..terminal.table import Column, print_table

    columns = (
        *(Column("id", "right"), Column("state"), Column("severity", rank=1)),
        *(Column("what", folds=True), Column("opened (UTC)"), Column("alerts", "right")),
        *(Column("live", "right", rank=2), Column("likely cause", folds=True, rank=3)),
    )
    rows = [
        (
            *(str(one.id), one.state, one.severity, incident_subject(one), when(one.opened_at)),
            *(str(one.members), str(one.live), one.cause or "-"),
        )
        for one in found
    ]
    print_table(title, columns, rows)


def _show(one: IncidentRecord, steps: Sequence[IncidentStep], *, as_json: bool) -> None:
    from ..alert.incident_wording import incident_message
    from ..terminal.printing import print_json, print_line, when

    if as_json:
        print_json({**_values(one), "steps": [asdict(step) for step in steps]})
        return
    print_line((f"Incident {one.id}", "bold"), f": {incident_message(one)}")
    print_line(
        f"  {one.state}, {one.severity}; alerts: {one.members}, unresolved: {one.live}; "
        f"first alert: {one.alert.id}"
    )
    names = sorted({segment for segment, _ in one.parts}, key=natural_key)
    more = f" and {len(names) - _MOST_PARTS:,} more" if len(names) > _MOST_PARTS else ""
    print_line(f"  segments: {', '.join(names[:_MOST_PARTS])}{more}")
    for step in steps:
        note = f": {step.note}" if step.note else ""
        print_line(f"  {when(step.at)} UTC  {step.kind} by {step.by}{note}")
