"""Segments are bounded, the same values count whenever an agent was started, and no name is in vain."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftgauge.agent.counting.segments import (
    ENOUGH_EVENTS,
    FORGOTTEN_AFTER,
    MissingSegments,
    Segments,
)
from driftgauge.storage import OTHER_VALUE

from ..records import NOON

MINUTE = timedelta(minutes=1)


def test_segments_beyond_the_bound_share_one_name() -> None:
    segments = Segments(max_segments=2)
    names = [segments.of({"camera": str(number)}, NOON) for number in range(4)]
    assert names[0] == ["*", "camera=0"]
    assert names[2] == names[3] == ["*", f"camera={OTHER_VALUE}"]
    assert segments.of({"camera": "1"}, NOON) == ["*", "camera=1"]


def test_a_name_without_bound_leaves_the_others_room() -> None:
    segments = Segments(max_segments=4, n_names=2)
    names = [segments.of({"session": str(n), "camera": str(n % 2)}, NOON) for n in range(9)]
    assert names[-1] == ["*", "session=~other", "camera=0"]
    assert segments.n_other == 7


def test_values_in_the_database_are_known_the_last_seen_first() -> None:
    segments = Segments(max_segments=2)
    seen = {f"camera={number}": NOON + number * MINUTE for number in range(5)}
    segments.remember(seen | {"*": NOON, f"camera={OTHER_VALUE}": NOON + 9 * MINUTE})
    later = NOON + 10 * MINUTE
    names = [segments.of({"camera": str(number)}, later)[1] for number in range(5)]
    assert names == [f"camera={OTHER_VALUE}"] * 3 + ["camera=3", "camera=4"]


def test_a_value_that_is_known_already_is_not_changed_by_the_database() -> None:
    segments = Segments(max_segments=2)
    segments.of({"camera": "0"}, NOON)
    segments.of({"camera": "1"}, NOON)
    segments.remember({"camera=7": NOON + MINUTE, "camera=0": NOON - MINUTE})
    assert segments.of({"camera": "7"}, NOON)[1] == f"camera={OTHER_VALUE}"
    assert segments.of({"camera": "1"}, NOON)[1] == "camera=1"


def test_a_value_that_nobody_has_any_more_makes_room_for_a_new_one() -> None:
    segments = Segments(max_segments=2)
    segments.of({"camera": "0"}, NOON)
    segments.of({"camera": "1"}, NOON)
    later = NOON + FORGOTTEN_AFTER
    segments.of({"camera": "0"}, later - MINUTE)  # 1 is not seen any more
    assert segments.of({"camera": "2"}, later - MINUTE)[1] == f"camera={OTHER_VALUE}"
    assert segments.of({"camera": "2"}, later)[1] == "camera=2"
    assert segments.of({"camera": "1"}, later)[1] == f"camera={OTHER_VALUE}"
    assert segments.of({"camera": "0"}, later)[1] == "camera=0"


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(vars(record)["action"], record.getMessage()) for record in caplog.records]


def test_a_header_that_no_event_has_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    missing = MissingSegments(["camera", "camrea", "json:site.line", "predicted_class"])
    for _ in range(ENOUGH_EVENTS - 1):
        missing.see({"camera": "3"})
    assert not missing.missing
    for _ in range(500):
        missing.see({"camera": "3"})
    assert missing.missing == ("camrea", "json:site.line", "predicted_class")
    assert [action for action, _ in told(caplog)] == ["segment_missing"] * 3
    assert "none of the first 100 events has segment 'camrea'" in told(caplog)[0][1]


def test_a_header_that_comes_late_is_told_as_found(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    missing = MissingSegments(["camera"])
    for _ in range(ENOUGH_EVENTS):
        missing.see({})
    missing.see({"camera": "3"})
    assert not missing.missing
    assert [action for action, _ in told(caplog)] == ["segment_missing", "segment_found"]


def test_headers_that_all_come_are_not_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    missing = MissingSegments(["camera", "json:line"])
    for number in range(3 * ENOUGH_EVENTS):
        missing.see({"camera": "3", "line": "a"} if number == 50 else {})
    assert told(caplog) == []
