from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgauge.agent.counting.window_rows import rows_by_window, window_start
from driftgauge.agent.counting.windows import WindowCounts, bin_indexes
from driftgauge.agent.errors import ScorerFault
from driftgauge.agent.events.event import Event
from driftgauge.agent.ports import Scored
from driftgauge.storage import EDGES, N_BINS, WindowRecord

from ..records import NOON


def event(at: datetime = NOON, **segments: str) -> Event:
    return Event("frames", 0, 0, "id", at, segments, np.zeros((2, 2, 3), np.uint8))


def scored(p_values: list[list[float]], scores: list[list[float]] | None = None) -> Scored:
    p = np.array(p_values)
    return Scored(np.array(scores) if scores else p * 10, p)


def test_a_p_value_on_an_edge_belongs_to_the_bin_below_it() -> None:
    assert bin_indexes(np.array(EDGES[1:])).tolist() == list(range(N_BINS))
    assert bin_indexes(np.nextafter(np.array(EDGES[:-1]), 1)).tolist() == list(range(N_BINS))


@given(st.lists(st.floats(0, 1, exclude_min=True), min_size=1))
def test_every_p_value_has_the_bin_that_holds_it(p_values: list[float]) -> None:
    for p, b in zip(p_values, bin_indexes(np.array(p_values)), strict=True):
        assert EDGES[b] < p <= EDGES[b + 1]


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.0001, float("nan")])
def test_what_is_no_p_value_is_refused(bad: float) -> None:
    with pytest.raises(ScorerFault, match=r"1 p-values are not in \(0, 1\]"):
        bin_indexes(np.array([0.5, bad]))


def test_windows_begin_at_multiples_of_their_length() -> None:
    assert window_start(NOON + timedelta(seconds=59.999), 60) == NOON
    assert window_start(NOON + timedelta(seconds=60), 60) == NOON + timedelta(seconds=60)
    assert window_start(datetime(1970, 1, 1, tzinfo=UTC), 7).timestamp() == 0


def by_key(counts: WindowCounts) -> dict[tuple[str, str, datetime], WindowRecord]:
    return {(r.segment, r.layer, r.window_start): r for r in counts.records()}


def test_events_add_to_their_segments_windows_and_columns() -> None:
    counts = WindowCounts(("early", "*"))
    late = NOON + timedelta(seconds=61)
    events = [event(), event(), event(late)]
    names = [["*", "camera=3"], ["*", "camera=4"], ["*", "camera=3"]]
    counts.add(
        events,
        rows_by_window(events, names, 60),
        scored([[0.5, 1e-5], [0.5, 0.97], [1.0, 0.02]], [[1, 2], [3, 4], [5, 6]]),
    )
    found = by_key(counts)
    assert len(found) == 2 * 5
    pool = found["*", "*", NOON]
    assert (pool.events, pool.counts[0], pool.counts[17]) == (2, 1, 1)
    assert (pool.score_sum, pool.score_max) == (6, 4)
    assert found["camera=3", "*", NOON + timedelta(seconds=60)].counts[5] == 1
    assert found["*", "early", NOON].counts[11] == 2


def test_counting_in_two_batches_equals_counting_in_one() -> None:
    rng = np.random.default_rng(3)
    events = [event(NOON + timedelta(seconds=int(s))) for s in rng.integers(0, 300, 40)]
    whole = scored((1 - rng.random((40, 2))).tolist())
    names = [["*"]] * 40
    once, twice = (WindowCounts(("early", "*")) for _ in range(2))
    once.add(events, rows_by_window(events, names, 60), whole)
    for part in (slice(0, 15), slice(15, 40)):
        rows = rows_by_window(events[part], names[part], 60)
        twice.add(events[part], rows, Scored(whole.scores[part], whole.p_values[part]))
    left, right = by_key(once), by_key(twice)
    assert left.keys() == right.keys()
    for key, record in left.items():
        assert record.counts == right[key].counts
        assert record.score_sum == pytest.approx(right[key].score_sum)


@pytest.mark.parametrize(("alpha", "n_ood"), [(0.0001, 0), (0.01, 1), (0.02, 2), (0.1, 3)])
def test_what_was_left_out_is_judged_by_the_stream_s_alpha(alpha: float, n_ood: int) -> None:
    counts = WindowCounts(("*",), alpha=alpha)
    events = [replace(event(), represents=10) for _ in range(4)]
    counts.add(
        events, rows_by_window(events, [["*"]] * 4, 60), scored([[0.005], [0.015], [0.07], [0.5]])
    )
    (record,) = counts.records()
    assert (record.left_out, record.left_out_ood) == (36, 9 * n_ood)


def test_a_cleared_count_is_empty() -> None:
    counts = WindowCounts(("early", "*"))
    counts.add([event()], rows_by_window([event()], [["*"]], 60), scored([[0.5, 0.5]]))
    counts.clear()
    assert counts.records() == []
    assert counts.n_events == 0
