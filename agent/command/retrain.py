"""``driftgauge retrain``: fit a candidate detector from kept taps, and let its gate decide."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..terminal.gate_table import print_checks
from .options import ConfigOption, JsonOption
from .start import LogLevelOption, start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftgauge.storage import GateCheck, RetrainingRecord

    from ..retrain.material import Material
    from ..settings.load import Settings

REFUSED, BUSY = 3, 4


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("retrain")(retrain)


def retrain(
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what would be learnt from; change nothing."),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Work in this process, and return when it has ended.")
    ] = False,
    shows: Annotated[
        bool,
        typer.Option("--list", help="Show the attempts so far, and the checks of the last one."),
    ] = False,
    ignore_cool_down: Annotated[
        bool, typer.Option("--now", help="Do not wait until retrain.cool_down is over.")
    ] = False,
    accept_learnt: Annotated[
        bool,
        typer.Option(
            "--accept-learnt",
            help="Say that what was called normal is so even where it looks like a fault: the gate's check "
            "`learnt` tells it and does not refuse.",
        ),
    ] = False,
    trigger: Annotated[str, typer.Option(hidden=True)] = "person",
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a new detector from the taps that agents kept, and check it against the active one.

    It needs no model and no images. Without --wait it works in a process of its own, at low priority.
    Stopped or killed, it goes on where it was when it is started again. What passes scores beside the
    active detector for retrain.shadow, and an agent then promotes or refuses it; what is refused is kept
    with the reason.

    Exit code 0 when the candidate passed, or the work was started; 3 when it was refused; 4 when another
    process retrains the stream.
    """
    settings = start(config, log_level=log_level, is_quiet=True)
    if shows:
        _show(settings, as_json=as_json)
    elif dry_run:
        _look(settings, ignores_cool_down=ignore_cool_down, as_json=as_json)
    elif wait:
        asked = {"ignores_cool_down": ignore_cool_down, "accepts_learnt": accept_learnt}
        _work(settings, trigger=trigger, asked=asked, as_json=as_json)
    else:
        given = ["--now"] * ignore_cool_down + ["--accept-learnt"] * accept_learnt
        _start(settings, config, given)


def _start(settings: Settings, config: Path | None, options: list[str]) -> None:
    from ..retrain.own_process import LOG, start_apart
    from ..terminal.printing import print_line

    given = ["--config", str(config.resolve())] if config else []
    pid = start_apart(given + options, settings.detector.path)
    print_line(f"retraining in process {pid}; its log is {settings.detector.path / LOG}")
    print_line("driftgauge retrain --list shows how far it is, and how it ended")


def _look(settings: Settings, *, ignores_cool_down: bool, as_json: bool) -> None:
    from ..terminal.printing import print_json
    from ..wiring.retrain import open_retraining

    with open_retraining(settings) as retraining:
        material, why = retraining.look(ignores_cool_down=ignores_cool_down)
    if as_json:
        print_json({**material.figures(), "refused": why or None})
    else:
        _print_material(material, why)
    if why:
        raise typer.Exit(REFUSED)


def _work(settings: Settings, *, trigger: str, asked: Mapping[str, bool], as_json: bool) -> None:
    from rich.console import Console

    from ..errors import RetrainingElsewhere
    from ..retrain.own_process import yield_to_others
    from ..terminal.printing import print_error
    from ..terminal.progress import progress_bars
    from ..wiring.retrain import open_retraining

    yield_to_others(niceness=settings.retrain.niceness, threads=settings.retrain.threads)
    with progress_bars(Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("beginning", total=100)

        def tell(step: str, share: float) -> None:
            bars.update(bar, description=step, completed=round(100 * share))

        try:
            with open_retraining(settings, tell=tell) as retraining:
                by = "schedule" if trigger == "schedule" else getpass.getuser()
                record = retraining.run(trigger=trigger, by=by, **asked)
                checks = retraining.checks(record)
        except RetrainingElsewhere as error:
            print_error(error, hint=error.hint)
            raise typer.Exit(BUSY) from None
    _print(record, checks, as_json=as_json)
    if record.state != "passed":
        raise typer.Exit(REFUSED if record.state == "refused" else 1)


def _show(settings: Settings, *, as_json: bool) -> None:
    from dataclasses import asdict

    from ..terminal.printing import print_json, print_line, when
    from ..terminal.table import Column, print_table
    from ..wiring.retrain import open_retraining

    with open_retraining(settings) as retraining:
        records = retraining.attempts()
        checks = retraining.checks(records[0]) if records else []
    if as_json:
        print_json([asdict(record) for record in records])
        return
    if not records:
        print_line("no retraining yet; driftgauge retrain --dry-run says what it would learn from")
        return
    columns = [
        Column("number", "right"),
        Column("started (UTC)"),
        Column("by", rank=2),
        Column("state"),
        Column("from", rank=1),
        Column("candidate"),
        Column("why", folds=True),
    ]
    rows = [
        [
            *(str(one.id), when(one.started_at), one.asked_by, _state(one), one.basis),
            *(one.candidate or "", one.reason),
        ]
        for one in records
    ]
    print_table("Retrainings", columns, rows)
    print_checks("Its gate", checks)


def _state(record: RetrainingRecord) -> str:
    if record.state != "running":
        return record.state
    return f"{record.step}, {record.share:.0%}"


def _print_material(material: Material, why: str) -> None:
    from ..terminal.printing import print_line

    figures = material.figures()
    print_line(
        f"{figures['learnt_events']} events of {figures['learnt_runs']} runs and {figures['segments']} "
        f"segments would be learnt from, {figures['new_events']} of them new"
    )
    print_line(
        f"left out: {figures['events_in_alerts']} events of times with alerts, {figures['events_aside']} that "
        "wait for a person or were refused (driftgauge reference list)"
    )
    verdict = ("would be refused: ", "yellow") if why else ("there is enough", "green")
    print_line(verdict, why)


def _print(record: RetrainingRecord, checks: list[GateCheck], *, as_json: bool) -> None:
    from dataclasses import asdict

    from ..terminal.printing import print_json, print_line

    if as_json:
        print_json({**asdict(record), "checks": [asdict(check) for check in checks]})
        return
    style = "green" if record.state == "passed" else "yellow"
    made = f" detector {record.candidate}" if record.candidate else ""
    print_line(f"retraining {record.id}{made}: ", (record.state, style))
    if record.reason:
        print_line(f"  {record.reason}")
    print_checks("Its gate", checks)
