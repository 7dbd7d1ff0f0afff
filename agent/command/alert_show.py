"""``driftgauge alerts show``: one alert in full."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import AlertRecord, AlertTransition, EvidenceRecord, IncidentRecord

    from .reading import Reading


_MOST_LAYERS = 4


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
    from .alert_mutes import print_mutes
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        alert = the_alert(reading, number)
        examples = Examples(
            reading.store,
            window_seconds=reading.stream.window_seconds,
            draws=picture is not None,
        )
        unusual, drawn = examples(alert)
        if picture is not None:
            _write_picture(picture, drawn)
        steps = reading.store.transitions(number)
        incident = _incident(reading, alert)
        page = reading.settings.notify.page_url if reading.settings else ""
        link = page.replace("{alert}", str(number))
        mutes = [
            one for one in reading.store.mutes(reading.stream.stream) if one.holds(alert.segment)
        ]
    if as_json:
        places = [_place(event) for event in unusual]
        print_json(
            {
                **asdict(alert),
                "muted": bool(mutes),
                "steps": [asdict(step) for step in steps],
                "examples": places,
                "link": link,
            }
        )
    else:
        places = [_place(event) for event in unusual]
        _print_alert(alert, steps, places, incident=incident, link=link)
        print_mutes(mutes)


def the_alert(reading: Reading, number: int) -> AlertRecord:
    """Return the stream's alert with this number, or say that there is none."""
    from ..errors import SettingsError

    found = reading.store.alert(number)
    if found is None or found.stream != reading.stream.stream:
        raise SettingsError(
            f"stream {reading.stream.stream!r} has no alert {number}",
            hint="`driftgauge alerts list --all` lists the existing ones",
        )
    return found


def _incident(reading: Reading, alert: AlertRecord) -> IncidentRecord | None:
    if alert.incident_id is None:
        return None
    found = reading.store.incidents(alert.stream, ids=[alert.incident_id])
    return found[0] if found else None


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
    alert: AlertRecord,
    steps: list[AlertTransition],
    places: list[dict[str, object]],
    *,
    incident: IncidentRecord | None,
    link: str,
) -> None:
    from driftgauge.storage import UNRATED

    from ..alert.certainty import certainty
    from ..alert.incident_wording import incident_subject
    from ..alert.label_alert import LABEL_SHIFT
    from ..terminal.printing import percent, print_line, when
    from ..terminal.table import Column, print_table

    print_line((f"Alert {alert.id}", "bold"), f": {alert.message}")
    verdict = f", found {alert.verdict}" if alert.verdict else ""
    print_line(f"  {alert.state}, {alert.severity}{verdict}; since {when(alert.since)} UTC")
    is_of_classes = "not what this alert is about: " if alert.test == LABEL_SHIFT else ""
    rates = (
        f"{is_of_classes}{percent(alert.rate_now)} of {alert.events:,} images out of distribution, at most "
        f"{percent(alert.rate_peak)}, normally {percent(alert.rate_normal)}; "
    )
    said = "" if alert.test in UNRATED else rates
    judge = f", judged by {alert.judged_by} now" if alert.judged_by else ""
    print_line(f"  {said}detector {alert.detector}{judge}, test {alert.test}")
    if alert.layers:
        print_line(f"  layers, the most changed first: {_layers(alert)}")
    if sure := certainty(alert.log_e_value):
        print_line(f"  {sure}")
    if alert.looks_like and alert.looks_like not in alert.message:
        print_line(f"  {alert.looks_like}")
    if incident is not None and incident.members > 1:
        print_line(
            f"  part of incident {incident.id}: {incident_subject(incident)} "
            f"({incident.members} alerts, {incident.live} unresolved)"
        )
    if link:
        print_line(f"  {link}")
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
        print_line(f"  {when(step.at)} UTC  {_said(step)}")


def _layers(alert: AlertRecord) -> str:
    """Return the layers that changed: name, depth, share of the change, and which way."""
    named = []
    for layer in alert.layers[:_MOST_LAYERS]:
        way = ", scores lower than normal" if layer["direction"] == "too usual" else ""
        share = float(str(layer["share"]))
        named.append(f"{layer['layer']} ({layer['depth']}, {100 * share:.0f} %{way})")
    n_more = len(alert.layers) - len(named)
    return ", ".join(named) + (f" and {n_more} more" if n_more > 0 else "")


def _said(step: AlertTransition) -> str:
    note = f": {step.note}" if step.note else ""
    is_note = step.from_state == step.to_state
    return f"noted by {step.by}{note}" if is_note else f"{step.to_state} by {step.by}{note}"
