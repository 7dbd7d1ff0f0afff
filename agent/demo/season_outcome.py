"""What came of a run with a season: rates by detector before, during and after it, on screen and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from driftgauge.storage import GateCheck, RateRow, RetrainingRecord, Store, TrialRecord

from ..terminal.printing import Part, percent, print_line
from ..terminal.table import Column, print_table
from .count_rate import rounded_speed, speed_in_words
from .plan import Plan
from .workspace import STREAM


@dataclass(frozen=True, slots=True)
class SeasonRate:
    """The rate of all cameras in one part of the run.

    Attributes:
        part: in words.
        rate: share of the frames that were out of distribution; None without any.
    """

    part: str
    detector: str
    frames: int
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonOutcome:
    """What the last page on the screen is about.

    Attributes:
        checks: of the candidate's gate.
        trial: beside the active detector; None where there was none.
        sent: frames.
        counted: frames that the database counts, whatever detector scored them.
        commands: what they show, and command lines to look further.
    """

    plan: Plan
    retraining: RetrainingRecord
    checks: Sequence[GateCheck]
    trial: TrialRecord | None
    rates: Sequence[SeasonRate]
    sent: int
    counted: int
    images_per_second: float | None
    commands: Mapping[str, str]
    paths: Mapping[str, Path]

    @property
    def is_promoted(self) -> bool:
        """Whether the candidate scores now."""
        state = self.retraining.state if self.trial is None else self.trial.state
        return state in ("passed", "promoted")


def season_rates(store: Store, plan: Plan, first: str, last: str) -> list[SeasonRate]:
    """Return the rates before the season, in it and after the promotion, from the agent's database.

    Args:
        first: the detector that was fitted before the run.
        last: the one that is active now.
    """
    rows = store.rates(STREAM, period="window", segment="*")
    season = plan.season
    if season is None:
        return []
    begins, ends = plan.time(season.begins), plan.time(season.ends)
    own = [row for row in rows if row.detector == first]
    parts = [
        _rate("before the season", first, [row for row in own if row.period_start < begins]),
        _rate("while it moves", first, [row for row in own if begins <= row.period_start < ends]),
        _rate("when it has moved", first, [row for row in own if row.period_start >= ends]),
    ]
    if last != first:
        new = [row for row in rows if row.detector == last]
        parts.append(_rate("after the promotion", last, new))
    return parts


def _rate(part: str, detector: str, rows: Iterable[RateRow]) -> SeasonRate:
    found = list(rows)
    n_events = sum(row.events for row in found)
    n_ood = sum(row.ood_events for row in found)
    return SeasonRate(part, detector, n_events, n_ood / n_events if n_events else None)


def write_season_summary(path: Path, outcome: SeasonOutcome) -> None:
    """Write what a script wants to know."""
    summary = {
        "seed": outcome.plan.seed,
        "retraining": outcome.retraining.state,
        "reason": outcome.retraining.reason,
        "candidate": outcome.retraining.candidate,
        "gate": [asdict(check) for check in outcome.checks],
        "trial": outcome.trial.state if outcome.trial else None,
        "promoted": outcome.is_promoted,
        "rates": [asdict(rate) for rate in outcome.rates],
        "frames_sent": outcome.sent,
        "frames_counted": outcome.counted,
        "images_per_second": rounded_speed(outcome.images_per_second),
        "paths": {name: str(place) for name, place in outcome.paths.items()},
    }
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def print_season(console: Console, outcome: SeasonOutcome) -> None:
    """Print the rates, whether every frame was counted once, and the next commands."""

    def say(*parts: Part) -> None:
        print_line(*parts, console=console)

    say()
    columns = [Column("part of the run"), Column("detector")]
    columns += [Column("frames", "right"), Column("out of distribution", "right")]
    rows = [
        [rate.part, rate.detector, f"{rate.frames:,}", percent(rate.rate)] for rate in outcome.rates
    ]
    print_table("A season", columns, rows, console=console)
    is_whole = outcome.sent == outcome.counted
    say(
        f"Frames sent: {outcome.sent:,}; counted: ",
        (f"{outcome.counted:,}", "green" if is_whole else "bold red"),
        " (each once)" if is_whole else " (these differ)",
    )
    if not outcome.is_promoted:
        reason = outcome.trial.reason if outcome.trial else outcome.retraining.reason
        say(("The candidate was not promoted: ", "yellow"), reason)
    say(f"Speed: {speed_in_words(outcome.images_per_second)}")
    say()
    for what, command in outcome.commands.items():
        say(f"{what}:")
        say(f"  {command}")
