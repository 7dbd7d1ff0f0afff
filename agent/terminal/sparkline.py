"""A row of small bars that shows how a rate went."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-:=+*#"
GAP = " "
"""Stands where nothing was counted: no bar is made up."""

_NORMAL_HEIGHT = 4.0
_LEAST_TOP = 0.04


def sparkline(rates: Sequence[float | None], *, normal: float | None = None) -> str:
    """Return a bar for each of *rates*, and a gap for each None.

    The highest bar is the highest rate, but at least four times *normal*: a segment at its normal
    rate stays low, and 0.01 to 0.02 is no mountain.

    >>> sparkline([0.01, 0.01, None, 0.02, 0.3], normal=0.01)
    '▁▁ ▁█'
    """
    found = [rate for rate in rates if rate is not None]
    top = max([*found, _NORMAL_HEIGHT * (normal or 0.0), _LEAST_TOP])
    bars = _BARS if _can_show(_BARS) else _ASCII_BARS
    return "".join(
        GAP if rate is None else bars[min(int(rate / top * len(bars)), len(bars) - 1)]
        for rate in rates
    )


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
