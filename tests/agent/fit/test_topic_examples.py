"""Reference images out of a topic: to its end, no further than asked, with keys that last."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import partial

from driftgauge.agent.clock import ManualClock, SystemClock
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.prediction import PredictionBook
from driftgauge.agent.fit.topic_examples import read_topic
from driftgauge.agent.ports import Partition, Polled
from driftgauge.agent.stream.in_memory import MemorySource, MemoryTopic

from .test_reference import START, jpeg


def test_a_topic_is_read_to_its_end_without_what_cannot_be_decoded() -> None:
    topic = MemoryTopic("frames")
    for k in range(5):
        topic.append(jpeg(k), headers={"camera": b"3"}, timestamp_ms=1000 * k)
    topic.append(b"text")
    examples = list(
        read_topic(
            MemorySource(topic, auto_offset_reset="earliest"),
            decode=DecodeSettings(segment_headers=("camera",)),
            max_events=None,
            idle_seconds=0.3,
            clock=SystemClock(),
        )
    )
    assert [example.segments for example in examples] == [("camera=3",)] * 5
    assert len({example.key for example in examples}) == 5
    assert examples[1].taken_at == datetime.fromtimestamp(1, UTC)


def keys_of(greys: list[int]) -> list[str | None]:
    """Return the keys of a topic's pictures, read from its start."""
    topic = MemoryTopic("frames")
    for grey in greys:
        topic.append(jpeg(grey))
    examples = read_topic(
        MemorySource(topic, auto_offset_reset="earliest"),
        decode=DecodeSettings(),
        max_events=len(greys),
        idle_seconds=0.3,
        clock=SystemClock(),
    )
    return [example.key for example in examples]


def test_an_event_has_its_key_at_every_reading_and_another_in_its_place_has_another() -> None:
    first, again, made_anew = keys_of([1, 2, 30]), keys_of([1, 2, 30]), keys_of([1, 90, 30])
    assert again == first
    assert [one == other for one, other in zip(first, made_anew, strict=True)] == [
        True,
        False,
        True,
    ]


class Late(MemorySource):
    """Is given its partitions only half a minute after it asked."""

    def __init__(self, topic: MemoryTopic, clock: ManualClock) -> None:
        super().__init__(topic, auto_offset_reset="earliest")
        self._clock = clock
        self._given_at = clock.monotonic() + 30

    def poll(self, timeout_seconds: float) -> Polled:
        self._clock.sleep(1)
        return super().poll(timeout_seconds) if self._is_given else Polled([])

    def assignment(self) -> frozenset[Partition]:
        return super().assignment() if self._is_given else frozenset()

    @property
    def _is_given(self) -> bool:
        return self._clock.monotonic() >= self._given_at


def test_a_broker_that_is_slow_to_give_partitions_out_is_no_empty_topic() -> None:
    topic, clock = MemoryTopic("frames"), ManualClock(START)
    topic.append(jpeg(1))
    read = partial(
        read_topic, decode=DecodeSettings(), max_events=None, idle_seconds=5, clock=clock
    )
    assert len(list(read(Late(topic, clock)))) == 1
    never = Late(topic, clock)
    never._given_at = float("inf")
    before = clock.monotonic()
    assert list(read(never)) == []
    assert clock.monotonic() - before < 90


def test_a_topic_is_read_no_further_than_asked() -> None:
    topic = MemoryTopic("frames")
    for k in range(5):
        topic.append(jpeg(k))
    given = read_topic(
        MemorySource(topic, auto_offset_reset="earliest"),
        decode=DecodeSettings(),
        max_events=3,
        idle_seconds=0.3,
        clock=SystemClock(),
    )
    assert len(list(given)) == 3


def test_a_topic_of_inference_logs_gives_every_picture_and_passes_over_predictions() -> None:
    topic = MemoryTopic("frames")
    values = [base64.b64encode(jpeg(grey)).decode() for grey in (10, 20, 30)]
    topic.append(json.dumps({"instances": values[:2], "predictions": [0, 1]}).encode())
    topic.append(json.dumps({"predictions": [1]}).encode())
    topic.append(json.dumps({"instances": values[2:]}).encode())
    found = list(
        read_topic(
            MemorySource(topic, auto_offset_reset="earliest"),
            decode=DecodeSettings(segment_headers=("predicted_class",)),
            ports=DecodePorts(predictions=PredictionBook(["cat", "dog"])),
            max_events=None,
            idle_seconds=0.1,
            clock=SystemClock(),
        )
    )
    assert [example.image.mean().round(-1) for example in found] == [10, 20, 30]
    named = [("predicted_class=cat",), ("predicted_class=dog",), ()]
    assert [example.segments for example in found] == named
    assert len({example.key for example in found}) == 3
