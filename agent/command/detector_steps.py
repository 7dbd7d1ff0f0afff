"""``driftgauge detectors promote|rollback|shadow|refuse``: a person's word on which version scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .detector_show import NameArgument, the_card
from .options import ByOption, ConfigOption, JsonOption, NoteOption, person
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from datetime import timedelta

    from driftgauge.storage import DetectorRecord

    from ..promote.arrival import Arrival
    from .reading import Reading

NOT_ALL_CHANGED = 3
"""Exit code: the change is made, and not every agent follows it."""

WaitOption = Annotated[
    bool, typer.Option("--wait", help="Return when every agent that runs scores with it.")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=1.0, help="With --wait: seconds to wait at most.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Even if it was refused.")]


def promote(
    *,
    name: NameArgument,
    wait: WaitOption = False,
    timeout: TimeoutOption = 30.0,
    force: ForceOption = False,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a detector score the stream; agents that run change to it within seconds, without a restart.

    Live alerts live on, and the version that was active is kept for `driftgauge detectors rollback`.
    """
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        chosen = the_card(reading, name).record.detector
        told = reading.store.versions.promote(
            reading.stream.stream, chosen, by=person(by), note=note, even_refused=force
        )
        arrival = _arrival(reading, told, timeout if wait else None)
    _tell_active(told, arrival, waited=wait, as_json=as_json)


def rollback(
    *,
    wait: WaitOption = False,
    timeout: TimeoutOption = 30.0,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the detector that was active before score again; its scores are what they were, to the bit."""
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        _, told = reading.store.versions.rollback(reading.stream.stream, by=person(by), note=note)
        arrival = _arrival(reading, told, timeout if wait else None)
    _tell_active(told, arrival, waited=wait, as_json=as_json)


def refuse(
    *,
    name: NameArgument,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why it is not to be used.")],
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Use a detector for nothing; a shadow ends. It is kept, with the reason."""
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        chosen = the_card(reading, name).record.detector
        of = reading.stream.stream
        told = reading.store.versions.refuse(of, chosen, by=person(by), note=note)
    _tell(told, as_json=as_json)


def shadow(
    *,
    name: NameArgument,
    trial: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="Promote it after so long if its rates hold and its alarms agree, else refuse it.",
        ),
    ] = "",
    force: ForceOption = False,
    note: NoteOption = "",
    by: ByOption = "",
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a detector score beside the active one, without alerts; a shadow that there is ends.

    Its baselines are learnt meanwhile, so that its promotion loses no coverage. `driftgauge detectors
    show` compares both. Without --trial it stays until a person promotes or refuses it.
    """
    from .reading import open_reading

    lasts = _duration(trial) if trial else None
    with open_reading(config, store, stream) as reading:
        chosen, of = the_card(reading, name).record.detector, reading.stream.stream
        held, why = reading.store, {"by": person(by), "note": note}
        if lasts is None:
            held.versions.shadow(of, chosen, **why, even_refused=force)
        else:
            held.trials.begin(of, chosen, lasts=lasts, **why, even_refused=force)
        told = held.versions.get(of, chosen)
    if told is not None:
        _tell(told, as_json=as_json)


def _duration(text: str) -> timedelta:
    from ..settings.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _arrival(reading: Reading, told: DetectorRecord, timeout: float | None) -> Arrival:
    from ..clock import SystemClock
    from ..promote.arrival import arrival_of, wait_for_agents

    store, of = reading.store, reading.stream.stream
    changed_at = store.versions.changes(of, told.detector)[-1].changed_at
    if timeout is None:
        return arrival_of(store, of, told.detector, changed_at)
    return wait_for_agents(
        store,
        of,
        told.detector,
        changed_at=changed_at,
        timeout_seconds=timeout,
        clock=SystemClock(),
    )


def _tell(told: DetectorRecord, *, as_json: bool) -> None:
    from ..terminal.printing import print_json, print_line

    if as_json:
        print_json({"detector": told.detector, "status": told.status})
    else:
        print_line(f"Detector {told.detector} is {told.status}.")


def _tell_active(told: DetectorRecord, arrival: Arrival, *, waited: bool, as_json: bool) -> None:
    from ..terminal.printing import print_json, print_line

    n_arrived, n_behind = len(arrival.arrived), len(arrival.behind)
    if as_json:
        print_json(
            {
                "detector": told.detector,
                "status": told.status,
                "agents_changed": n_arrived,
                "agents_behind": n_behind,
                "seconds": arrival.seconds if waited else None,
                "refusals": arrival.refusals,
            }
        )
    else:
        print_line(f"Detector {told.detector} is active.")
        print_line(_progress(arrival, waited=waited))
        for refusal in arrival.refusals:
            print_line((refusal, "red"))
    if waited and n_behind:
        raise typer.Exit(NOT_ALL_CHANGED)


def _progress(arrival: Arrival, *, waited: bool) -> str:
    n_arrived, n_behind = len(arrival.arrived), len(arrival.behind)
    if not n_arrived + n_behind:
        return "No agent runs; the next one that starts scores with it."
    if not waited:
        return "Agents that run change within seconds: driftgauge status says when they have."
    if n_behind:
        return f"{n_behind} of {n_arrived + n_behind} agents have not changed yet."
    return f"All agents ({n_arrived}) score with it; the last changed after {arrival.seconds or 0:.1f} s."
