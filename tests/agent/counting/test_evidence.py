from __future__ import annotations

import io
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from driftgauge.agent.counting.evidence import (
    EvidenceKeeper,
    EvidenceSettings,
    ThumbnailMode,
    thumbnail,
)
from driftgauge.agent.counting.window_rows import rows_by_window
from driftgauge.agent.events.event import NO_IMAGE, Event
from driftgauge.agent.events.tap_vectors import TapOrigin, TapVectors
from driftgauge.agent.ports import Scored
from driftgauge.storage import EvidenceRecord

from ..records import NOON, picture

CHECKS = (np.indices((240, 320)).sum(axis=0) // 20 % 2 * 255).astype(np.uint8)
IMAGE = np.repeat(CHECKS[:, :, None], 3, axis=2)


def offer(keeper: EvidenceKeeper, *p_values: float, first_offset: int = 0, minute: int = 0) -> None:
    at = NOON + timedelta(minutes=minute)
    events = [
        Event("frames", 0, first_offset + n, f"id-{first_offset + n}", at, {}, np.array(picture()))
        for n in range(len(p_values))
    ]
    p = np.array([[0.7, value] for value in p_values])
    keeper.offer(events, rows_by_window(events, [["*"]] * len(events), 60), Scored(p, p))


def keeper(**settings: int) -> EvidenceKeeper:
    return EvidenceKeeper(("early", "*"), EvidenceSettings(**settings))  # type: ignore[arg-type] # forwarded


def p_values(records: list[EvidenceRecord], kind: str) -> list[float]:
    return sorted(record.p_value for record in records if record.kind == kind)


def test_the_most_unusual_and_one_typical_event_are_kept() -> None:
    kept = keeper(per_window=2)
    offer(kept, 0.9, 0.3, 0.01, 0.52, 0.002, 0.6)
    assert p_values(kept.records(), "unusual") == [0.002, 0.01]
    assert p_values(kept.records(), "typical") == [0.52]


def test_each_window_keeps_its_own() -> None:
    kept = keeper(per_window=1)
    offer(kept, 0.1, 0.2)
    offer(kept, 0.3, 0.4, minute=1, first_offset=2)
    assert p_values(kept.records(), "unusual") == [0.1, 0.3]


def test_after_a_flush_only_what_beats_it_is_kept() -> None:
    kept = keeper(per_window=2)
    offer(kept, 0.01, 0.02, 0.5)
    kept.mark_flushed()
    assert kept.records() == []
    offer(kept, 0.5, 0.03, 0.015, first_offset=3)
    assert p_values(kept.records(), "unusual") == [0.015]
    assert p_values(kept.records(), "typical") == []


def test_what_was_dropped_can_be_kept_again() -> None:
    kept = keeper(per_window=1)
    offer(kept, 0.01, 0.5)
    kept.drop()
    assert kept.records() == []
    offer(kept, 0.01, 0.5)
    assert len(kept.records()) == 2


def test_zero_keeps_nothing() -> None:
    kept = keeper(per_window=0)
    offer(kept, 0.001)
    assert kept.records() == []


def test_a_record_says_where_the_event_is_and_how_its_layers_fared() -> None:
    kept = keeper(per_window=1)
    offer(kept, 0.001)
    (record,) = kept.records()
    assert (record.topic, record.partition, record.offset, record.event_id) == (
        *("frames", 0, 0),
        "id-0",
    )
    assert dict(record.layer_p_values) == {"early": 0.7}
    assert record.window_start == NOON


def test_an_event_whose_taps_alone_were_sent_is_kept_without_a_picture() -> None:
    kept = keeper(per_window=1)
    taps = TapVectors(TapOrigin("weights", "", "float32"), {"early": np.ones(3, np.float16)})
    events = [Event("t", 0, n, f"id-{n}", NOON, {}, NO_IMAGE, taps=taps) for n in range(2)]
    p = np.array([[0.3, 0.002], [0.4, 0.45]])
    kept.offer(events, rows_by_window(events, [["*"]] * 2, 60), Scored(p, p))
    found = [(record.kind, record.event_id, record.thumbnail) for record in kept.records()]
    assert found == [("unusual", "id-0", None), ("typical", "id-1", None)]


@pytest.mark.parametrize("mode", ["keep", "blur"])
def test_thumbnails_are_small_jpegs(mode: ThumbnailMode) -> None:
    small = thumbnail(IMAGE, mode)
    assert small is not None
    with Image.open(io.BytesIO(small)) as image:
        assert image.format == "JPEG"
        assert max(image.size) == 96


def test_a_blurred_thumbnail_has_lost_its_details_and_none_has_none() -> None:
    def detail(mode: ThumbnailMode) -> float:
        small = thumbnail(IMAGE, mode)
        assert small is not None
        with Image.open(io.BytesIO(small)) as image:
            return float(np.asarray(image, dtype=float).std())

    assert detail("blur") < detail("keep") / 5
    assert thumbnail(IMAGE, "none") is None


def test_statistics_of_the_picture_are_kept_with_it() -> None:
    kept = keeper(per_window=1)
    events = [Event("frames", 0, n, f"id-{n}", NOON, {}, np.array(picture())) for n in range(2)]
    pixels = np.array([[1.0, 2.5], [3.0, 4.0]], dtype=np.float32)
    cells = np.array([[5.0], [6.0]], dtype=np.float32)
    p = np.array([[0.7, 0.9], [0.7, 0.01]])
    scored = Scored(p, p, pixels=pixels, cells=cells)
    kept.offer(events, rows_by_window(events, [["*"]] * 2, 60), scored)
    (unusual,) = [one for one in kept.records() if one.kind == "unusual"]
    assert np.frombuffer(unusual.pixels or b"", "<f4").tolist() == [3.0, 4.0, 6.0]


def test_what_is_most_unusual_does_not_depend_on_how_events_came_in_batches() -> None:
    values = np.random.default_rng(3).random(64).tolist()
    found = []
    for size in (1, 7, 64):
        kept = keeper(per_window=3)
        for start in range(0, len(values), size):
            offer(kept, *values[start : start + size], first_offset=start)
        found.append(p_values(kept.records(), "unusual"))
    assert found == [sorted(values)[:3]] * 3


def test_of_equally_unusual_events_the_first_is_kept() -> None:
    kept = keeper(per_window=1)
    offer(kept, 0.5, 0.01, 0.01)
    assert [one.offset for one in kept.records() if one.kind == "unusual"] == [1]
