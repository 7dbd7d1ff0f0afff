"""The last page on the screen: what was found, what was not, and where to look further."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from .faults import IN_WORDS
from .report import DemoOutcome


def print_outcome(console: Console, outcome: DemoOutcome) -> None:
    """Print the verdict on each fault, the false alarms, the speed and the next commands."""
    verdict = outcome.verdict
    console.print()
    console.print(_fault_table(outcome))
    n_false = len(verdict.false_alarms)
    style = "bold red" if n_false else "green"
    console.print(
        f"False alarms in {verdict.quiet_frames:,} quiet frames: [{style}]{n_false}[/]",
        highlight=False,
    )
    for alert in verdict.false_alarms:
        console.print(f"  {alert.message}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Speed: {outcome.images_per_second:.0f} images/s", highlight=False)
    console.print()
    console.print("Report:", outcome.paths["report"], highlight=False, soft_wrap=True)
    console.print("Look further:", highlight=False)
    for command in outcome.commands:
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _fault_table(outcome: DemoOutcome) -> Table:
    table = Table(
        title=f"Faults ({outcome.plan.severity}), with frames and seconds to the alert",
        title_justify="left",
    )
    for heading in ("fault", "camera", "verdict"):
        table.add_column(heading)
    for heading in ("frames", "seconds"):
        table.add_column(heading, justify="right")
    for fault in outcome.verdict.faults:
        verdict = "[green]found[/]" if fault.alert else "[bold red]not found[/]"
        table.add_row(
            IN_WORDS[fault.planned.fault.kind],
            fault.planned.camera,
            verdict,
            "" if fault.frames is None else f"{fault.frames}",
            "" if fault.seconds is None else f"{fault.seconds:.0f}",
        )
    return table
