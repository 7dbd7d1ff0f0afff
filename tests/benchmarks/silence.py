"""How often silence, and sending less, is told falsely, and how soon a camera that does is; simulated arrivals.

Run: python -m tests.benchmarks.silence
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..agent.drift.amounts_of import AMOUNTS, fewer_told, thinned
from ..agent.drift.arrivals_of import DAY, PATTERNS, silences

SEEDS = range(4)
DEATHS = range(3)
FIRST, WHOLE = 8 * DAY, 35 * DAY
DIED = 28 * DAY + 180
"""A Monday at 13:00."""


SHARES = (0.5, 0.3, 0.1)
"""Of the usual amount, that a segment still sends."""


def main() -> None:
    """Print both tables."""
    print_silence()
    print_fewer()


def print_fewer() -> None:
    """Print how often sending less is told falsely, and how soon it is told."""
    columns = " | ".join(f"hours until {share:.0%} is told" for share in SHARES)
    print(f"\n| amounts | false alarms in 35 days | {columns} |")
    print("|---|---|" + "---|" * len(SHARES))
    for name, draw in AMOUNTS.items():
        drawn = {seed: draw(WHOLE, np.random.default_rng(seed)) for seed in SEEDS}
        quiet = [len(fewer_told(amounts)) for amounts in drawn.values()]
        cells = []
        for share in SHARES:
            found = [_hours_until(drawn[seed], share, seed) for seed in DEATHS]
            cells.append(", ".join(found))
        print(f"| {name} | {_list(quiet)} | {' | '.join(cells)} |", flush=True)


def _hours_until(amounts: NDArray[np.int64], share: float, seed: int) -> str:
    begins = DIED + 17 * seed
    told = [
        minute for minute in fewer_told(thinned(amounts, begins, share, seed)) if minute >= begins
    ]
    return f"{(told[0] - begins) / 60:.0f}" if told else "-"


def print_silence() -> None:
    """Print the same of silence."""
    print("| arrivals | first 8 days | next 27 days | minutes until told |")
    print("|---|---|---|---|")
    for name, draw in PATTERNS.items():
        early, late, delays = [], [], []
        for seed in SEEDS:
            told = silences(draw(WHOLE, np.random.default_rng(seed)))
            early.append(sum(minute < FIRST for minute in told))
            late.append(sum(minute >= FIRST for minute in told))
        for seed in DEATHS:
            arrived = draw(WHOLE, np.random.default_rng(seed))
            died = DIED + 17 * seed
            arrived[died:] = False
            found = [minute for minute in silences(arrived) if minute >= died]
            delays.append(str(found[0] - died) if found else "over a week")
        print(f"| {name} | {_list(early)} | {_list(late)} | {', '.join(delays)} |", flush=True)


def _list(counts: list[int]) -> str:
    return ", ".join(str(count) for count in counts)


if __name__ == "__main__":
    main()
