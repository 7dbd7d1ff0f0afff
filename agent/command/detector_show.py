"""``driftgauge detectors show``: all that is known of one detector version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..terminal.gate_table import print_checks
from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftgauge.storage import (
        AgentRecord,
        DetectorChange,
        GateCheck,
        ShadowAlarm,
        ShadowRate,
        TrialRecord,
    )

    from ..promote.detector_cards import DetectorCard
    from .reading import Reading

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A detector's name; its first characters are enough.")
]


def show(
    *,
    name: NameArgument,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one detector version: its figures, who uses it, and who changed it when and why."""
    from dataclasses import asdict

    from ..terminal.printing import print_json
    from .reading import open_reading

    with open_reading(config, store, stream) as reading:
        card = the_card(reading, name)
        versions, of = reading.store.versions, reading.stream.stream
        changes = versions.changes(of, card.record.detector)
        windows = versions.count_windows(of, card.record.detector)
        agents = reading.store.agents(of)
        rates, alarms = _compared(reading, card)
        checks = reading.store.trials.checks(card.trial.id) if card.trial else []
        gate = _gate(reading, card)
    if as_json:
        told = {
            "windows_of_two_days": windows,
            "history": [asdict(one) for one in changes],
            "shadow_rates": [asdict(one) for one in rates],
            "shadow_alarms": None if alarms is None else [asdict(one) for one in alarms],
            "gate": [asdict(one) for one in gate],
            "trial_checks": [asdict(one) for one in checks],
        }
        print_json(card.values() | told)
        return
    _print(card, windows)
    print_checks("Its gate", gate)
    _print_trial(card.trial, checks)
    _print_compared(rates, alarms)
    _print_agents(card, agents)
    _print_history(changes)


def the_card(reading: Reading, name: str) -> DetectorCard:
    """Return the version that *name* begins."""
    from ..errors import SettingsError
    from ..promote.detector_cards import detector_cards

    cards = detector_cards(reading.store, reading.stream.stream)
    exact = [one for one in cards if one.record.detector == name]
    found = exact or [one for one in cards if one.record.detector.startswith(name)]
    if len(found) != 1:
        names = ", ".join(one.record.detector for one in found or cards) or "none"
        said = "no detector" if not found else "several detectors"
        raise SettingsError(
            f"stream {reading.stream.stream!r} has {said} {name!r}; it has: {names}",
            hint="driftgauge detectors list",
        )
    return found[0]


def _gate(reading: Reading, card: DetectorCard) -> list[GateCheck]:
    """Return the checks of the retraining that made the version."""
    store, of = reading.store, reading.stream.stream
    made = [one for one in store.retrainings.all(of) if one.candidate == card.record.detector]
    return store.retrainings.checks(made[0].id) if made else []


def _print_trial(trial: TrialRecord | None, checks: list[GateCheck]) -> None:
    from ..terminal.printing import print_line, when

    if trial is None:
        return
    ends = "to be decided" if trial.state == "running" else trial.state
    at = trial.ended_at or trial.due_at
    said = f": {trial.reason}" if trial.reason else ""
    print_line(f"trial     beside {trial.basis}, {ends} at {when(at)} UTC{said}")
    print_checks("Its trial", checks)


def _compared(
    reading: Reading, card: DetectorCard
) -> tuple[list[ShadowRate], list[ShadowAlarm] | None]:
    """Return the rates of a shadow beside the active version's, and its alarms; none of another one."""
    store, of = reading.store, reading.stream.stream
    active = store.active_detector(of)
    if card.record.status != "shadow" or active is None:
        return [], None
    name = card.record.detector
    rates = store.versions.shadow_rates(of, active=active.detector, shadow=name, since=card.since)
    return rates, store.versions.shadow_alarms(of, name)


def _print_compared(rates: Sequence[ShadowRate], alarms: Sequence[ShadowAlarm] | None) -> None:
    from ..terminal.printing import percent, print_line, when
    from ..terminal.table import Column, print_table

    if alarms is None:
        return
    print_line(f"alarms    in {len(alarms)} segments, as the active detector it would raise alerts")
    for one in alarms:
        print_line(f"            {one.segment}: {one.test}, since {when(one.first_at)} UTC")
    columns = (
        Column("segment", folds=True),
        Column("images", "right"),
        Column("active", "right"),
        Column("shadow", "right"),
    )
    rows = [
        (one.segment, f"{one.events:,}", percent(one.active_rate), percent(one.shadow_rate))
        for one in rates
    ]
    print_table("Images out of distribution, in windows that both counted", columns, rows)


def _print(card: DetectorCard, windows: int) -> None:
    from ..terminal.printing import percent, print_line, when
    from .detectors import size_text

    record, figures = card.record, card.figures
    reference = "unknown" if card.reference_events is None else f"{card.reference_events:,} images"
    pruned = f", pruned at {when(record.pruned_at)} UTC" if record.pruned_at else ""
    waits = figures.waiting_seconds
    lines = {
        "detector": record.detector,
        "status": f"{record.status} since {when(card.since)} UTC{pruned}",
        "fitted": f"{when(record.created_at)} UTC on {reference}",
        "layers": ", ".join(card.layers) or "unknown",
        "folder": f"{record.uri} ({size_text(card.bytes_on_disk)})",
        "scored": f"{figures.events:,} images, {percent(figures.ood_rate)} out of distribution; "
        f"{windows:,} windows in its last two days",
        "alerts": f"{figures.alerts} raised, {figures.live_alerts} live alerts stand on it",
        "waits": "nothing" if waits is None else f"{waits:.0f} s for what it counted to be judged",
    }
    if card.is_rollback_target:
        lines["rollback"] = "driftgauge detectors rollback restores it"
    for label, text in lines.items():
        print_line(f"{label:<10}{text}")


def _print_agents(card: DetectorCard, agents: Sequence[AgentRecord]) -> None:
    from ..terminal.printing import print_line, when

    name = card.record.detector
    for agent in agents:
        if agent.detector == name:
            print_line(f"agent     {agent.host} scores with it since {when(agent.detector_at)} UTC")
        elif agent.shadow == name:
            print_line(f"agent     {agent.host} scores with it beside {agent.detector}")
        elif card.record.active and agent.detector_problem:
            print_line((f"agent     {agent.host} does not: {agent.detector_problem}", "red"))


def _print_history(changes: Sequence[DetectorChange]) -> None:
    from ..terminal.printing import print_line, when

    print_line()
    for one in changes:
        note = f": {one.note}" if one.note else ""
        print_line(f"{when(one.changed_at)} UTC  {one.action} by {one.actor}{note}")
