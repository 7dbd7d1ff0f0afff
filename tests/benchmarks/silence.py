"""How often silence is told falsely, and how soon a dead camera is; simulated arrivals.

Run: python -m tests.benchmarks.silence
"""

from __future__ import annotations

import numpy as np

from ..agent.drift.arrivals_of import DAY, PATTERNS, silences

SEEDS = range(4)
DEATHS = range(3)
FIRST, WHOLE = 8 * DAY, 35 * DAY
DIED = 28 * DAY + 180
"""A Monday at 13:00."""


def main() -> None:
    """Print the table."""
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
