"""What tests without a promise add where the others' budget is not promised either."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .baseline import Baseline
from .drift_test import DriftTest
from .segment_states import LogStatistics


def with_unpromised(
    statistics: LogStatistics,
    tests: Sequence[DriftTest],
    baseline: Baseline,
    log_thresholds: Mapping[str, float],
) -> LogStatistics:
    """Return each alert's statistic: ``inf`` where a test alarms for which no rate is promised.

    Args:
        statistics: of one segment, as `SegmentStates.judge` returns them.
        tests: that run.
        baseline: of the segment.
        log_thresholds: by alert, where its statistic alarms.
    """
    apart = [test for test in tests if test.is_unpromised and test.name in statistics]
    if not apart:
        return statistics
    found = {name: each for name, each in statistics.items() if name in log_thresholds}
    for test in apart:
        is_alarm = statistics[test.name] == math.inf
        if is_alarm and test.alert in found and not baseline.keeps(log_thresholds[test.alert]):
            found[test.alert] = math.inf
    return found
