"""The last page on the screen: what was found, what was not, and where to look further."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..log import escaped
from ..terminal.printing import Part, print_line
from .count_rate import speed_in_words
from .faults import IN_WORDS
from .report import DemoOutcome


def print_outcome(console: Console, outcome: DemoOutcome) -> None:
    """Print the verdict on each fault, the false alarms, the speed and the next commands."""
    verdict = outcome.verdict
    n_false = len(verdict.false_alarms)

    def say(*parts: Part) -> None:
        print_line(*parts, console=console)

    say()
    console.print(_fault_table(outcome))
    say(
        f"False alarms in {verdict.quiet_frames:,} quiet frames: ",
        (str(n_false), "bold red" if n_false else "green"),
    )
    for alert in verdict.false_alarms:
        say(f"  {alert.message}")
    say(f"Speed: {speed_in_words(outcome.images_per_second)}")
    say()
    say(f"Report: {outcome.paths['report']}")
    say("Look further:")
    for command in outcome.commands:
        say(f"  {command}")


def _fault_table(outcome: DemoOutcome) -> Table:
    table = Table(
        title=f"Faults ({outcome.plan.severity}), with frames and seconds to the alert",
        title_justify="left",
    )
    for heading in ("fault", "camera", "verdict", "looks like"):
        table.add_column(heading)
    for heading in ("frames", "seconds"):
        table.add_column(heading, justify="right")
    for fault in outcome.verdict.faults:
        verdict = "[green]found[/]" if fault.alert else "[bold red]not found[/]"
        table.add_row(
            IN_WORDS[fault.planned.fault.kind],
            Text(escaped(fault.planned.camera)),
            verdict,
            Text(fault.named or "-", "green" if fault.is_named_rightly else ""),
            "" if fault.frames is None else f"{fault.frames}",
            "" if fault.seconds is None else f"{fault.seconds:.0f}",
        )
    return table
