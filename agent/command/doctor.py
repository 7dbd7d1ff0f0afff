"""``driftgauge doctor``: what the agent will need, looked at before it runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from .hints import with_options
from .options import ConfigOption, JsonOption
from .start import LogLevel, LogLevelOption, start

if TYPE_CHECKING:
    from ..doctor.diagnosis import Diagnosis
    from ..doctor.examine import Check

EXIT_FAILED = 1
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("doctor")(doctor)


def doctor(
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at settings, broker, topic, messages, database, model and detector, and say what to do.

    Changes nothing: it makes no topic, joins no group and writes no row. Each check has its time;
    all together take some minutes at most.

    Exit code 0 when the agent can run (warnings may be left), 1 when a check failed, 2 for unusable
    settings.
    """
    settings = start(config, log_level=log_level or LogLevel.ERROR, is_quiet=True)

    from ..doctor.checks import CHECKS
    from ..doctor.examine import examine
    from ..doctor.patient import Patient
    from ..terminal.printing import print_json

    patient = Patient(settings)
    found = []
    for check, diagnosis in examine(patient, CHECKS):
        found.append((check, diagnosis))
        if not as_json:
            _print(check, diagnosis)
    patient.close()
    n_failed = sum(diagnosis.state == "failed" for _, diagnosis in found)
    if as_json:
        print_json({"works": n_failed == 0, "checks": [_values(*one) for one in found]})
    else:
        _print_end(n_failed)
    if n_failed:
        raise typer.Exit(EXIT_FAILED)


def _values(check: Check, diagnosis: Diagnosis) -> dict[str, str]:
    return {
        "check": check.name,
        "state": diagnosis.state,
        "found": diagnosis.found,
        "advice": _advice(diagnosis),
    }


def _advice(diagnosis: Diagnosis) -> str:
    from .__main__ import COMMANDS

    return with_options(diagnosis.advice, sys.argv[1:], COMMANDS)


def _print(check: Check, diagnosis: Diagnosis) -> None:
    """Print one row as soon as it is known; advice stands below, however narrow the terminal."""
    from ..terminal.printing import print_line

    style = _STYLES[diagnosis.state]
    print_line(f"{check.name:<20}", (f"{diagnosis.state:<8}", style), f" {diagnosis.found}")
    if diagnosis.advice:
        print_line(f"{'':<20}{'':<8} ", ("-> ", "bold"), _advice(diagnosis))


def _print_end(n_failed: int) -> None:
    from ..terminal.printing import print_line

    print_line()
    if n_failed:
        print_line(f"{n_failed} failed: the agent cannot run.")
    else:
        print_line("The agent can run.")
