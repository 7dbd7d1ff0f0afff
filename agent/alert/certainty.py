"""How sure an alert is, in words: how rarely so much evidence arises where nothing has changed."""

from __future__ import annotations

import math

_NAMES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_MOST = 1e15


def certainty(log_e_value: float | None) -> str:
    """Return how rare the evidence is without a change, empty where a test promises nothing.

    The mean number of windows between two such statistics is at least the e-value (docs/method.md,
    "Betting on windows").

    >>> certainty(math.log(2.5e6))
    'Evidence: without a change, so much of it is expected at most once in 2.5 million windows of \
this segment.'
    >>> certainty(None)
    ''
    """
    if log_e_value is None or log_e_value <= 0:
        return ""
    return (
        "Evidence: without a change, so much of it is expected at most once in "
        f"{_rounded(log_e_value)} windows of this segment."
    )


def _rounded(log_number: float) -> str:
    """Return a number that people can read, rounded down.

    >>> _rounded(math.log(43_219)), _rounded(math.log(7.89e9)), _rounded(900.0)
    ('43,000', '7.8 billion', '1,000 trillion')
    """
    number = math.exp(min(log_number, math.log(_MOST)) + 1e-9)
    for size, name in _NAMES:
        if number >= size:
            return f"{math.floor(10 * number / size) / 10:,g} {name}"
    step = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return f"{int(number // step * step):,}"
