"""Many simulated segments judged side by side by the product's tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.drift.baseline import Baseline
from driftgauge.agent.drift.drift_test import DriftTest
from driftgauge.agent.drift.segment_states import SegmentStates, SegmentWindow
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS
from driftgauge.agent.drift.unpromised import with_unpromised

Counts = NDArray[np.int64]


def alarms(
    baselines: Mapping[str, Baseline | None],
    windows: Mapping[str, Counts],
    budget: float,
    tests: Sequence[DriftTest] = DEFAULT_TESTS,
    *,
    only_first: bool = False,
) -> dict[str, list[int]]:
    """Return the windows at which each segment alarms, counted from 1; evidence starts anew then.

    Args:
        baselines: by segment; a segment without one never alarms.
        windows: of each segment, ``(windows, columns, bins)``.
        budget: windows between false alarms.
        tests: that judge, all of one alert; those without a promise count as in the monitor.
        only_first: whether a segment is left out once it has alarmed.
    """
    states, found = SegmentStates(tests), {name: list[int]() for name in windows}
    for name, baseline in baselines.items():
        if baseline is not None:
            states.enter(name, baseline)
    tested = [name for name in windows if name in states]
    alert, log_thresholds = tests[0].alert, {tests[0].alert: math.log(budget)}
    for number in range(max(len(counts) for counts in windows.values())):
        moment = datetime.fromtimestamp(number + 1, UTC)
        left = [n for n in tested if number < len(windows[n]) and not (only_first and found[n])]
        if not left:
            break
        judged = states.judge(
            [SegmentWindow(segment=n, counts=windows[n][number], start=moment) for n in left]
        )
        for name in left:
            baseline = baselines[name]
            assert baseline is not None
            statistics = with_unpromised(judged[name], tests, baseline, log_thresholds)
            if statistics[alert] >= log_thresholds[alert]:
                found[name].append(number + 1)
                states.restart(name, alert)
    return found
