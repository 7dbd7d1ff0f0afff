"""What a person should look at first comes first."""

from __future__ import annotations

from typing import Any

from driftgauge.agent.review.overview import totals, worst_first
from driftgauge.agent.review.segment_standing import SegmentPhase, SegmentStanding


def standing(segment: str, phase: SegmentPhase, **more: Any) -> SegmentStanding:
    return SegmentStanding(segment=segment, images=1, phase=phase, **more)


def test_alerts_come_first_and_what_raises_none_before_what_is_quiet() -> None:
    found = [
        standing("quiet", "judged", nearness=0.1),
        standing("calm", "judged", nearness=0.4),
        standing("untested", "untested"),
        standing("near", "judged", nearness=0.8),
        standing("silent", "silent"),
        standing("nearer", "judged", nearness=0.9),
        standing("alert", "alert", nearness=0.2),
        standing("worse", "alert", nearness=0.9),
    ]
    names = [row.segment for row in worst_first(found)]
    assert names == ["worse", "alert", "silent", "nearer", "near", "untested", "calm", "quiet"]
    assert totals(found) == "8 segments: 2 with an alert, 1 silent, 1 untested, 4 judged"
