"""p-values by period: the database adds up what the windows counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftgauge.storage import Period, Store

from ..stores import START, STREAM, advance, flush, window


@pytest.mark.parametrize(
    ("period", "totals"), [("window", [3, 4, 5]), ("hour", [7, 5]), ("day", [12])]
)
def test_a_period_holds_the_p_values_of_its_windows(
    store: Store, period: Period, totals: list[int]
) -> None:
    rows = [
        window({0: 1, 17: events - 1}, minute=minute, segment=segment, layer=layer)
        for minute, events in ((0, 3), (59, 4), (60, 5))
        for segment in ("camera=3", "camera=4")
        for layer in ("*", "blocks.1")
    ]
    store.flush(flush(advance(None, 100), windows=rows))
    found = store.p_value_counts(STREAM, period=period, segment="camera=3")
    assert [sum(counts) for _, counts in found] == totals
    assert sum(counts[0] for _, counts in found) == 3
    late = store.p_value_counts(
        STREAM, period=period, segment="camera=3", since=START + timedelta(hours=1)
    )
    assert late == found[-1:]
