"""Where the false-alarm budget is promised: how much reference which budget takes (docs/method.md)."""

from __future__ import annotations

import math

LEAST_WINDOWS = 24.0
"""Effective number of windows that a reference must be worth for a budget of `LEAST_BUDGET`: with so many, every
place of the simulated grid kept it (docs/benchmarks.md)."""

LEAST_BUDGET = 1000.0
"""Windows between false alarms. A smaller budget is not promised with less reference."""

GROWTH = 3.0
"""What is needed grows with so high a power of the budget's logarithm: a reference that shows too little by chance
alarms nearly as often whatever the budget is, so that fewer such references may be among many."""


def promised_windows(log_budget: float) -> float:
    """Return how many effective windows a reference must be worth for a budget to be promised.

    Args:
        log_budget: logarithm of the budget in windows, of all segments together: where alerts are raised.

    >>> round(promised_windows(math.log(1000))), round(promised_windows(math.log(100_000)))
    (24, 111)
    """
    return LEAST_WINDOWS * math.pow(max(log_budget / math.log(LEAST_BUDGET), 1.0), GROWTH)


def promised_log_budget(effective_windows: float) -> float:
    """Return the logarithm of the largest budget that a reference of this worth keeps, ``-inf`` where it is none.

    >>> round(math.exp(promised_log_budget(24))), promised_log_budget(10)
    (1000, -inf)
    """
    if effective_windows < LEAST_WINDOWS:
        return -math.inf
    return math.log(LEAST_BUDGET) * math.pow(effective_windows / LEAST_WINDOWS, 1.0 / GROWTH)
