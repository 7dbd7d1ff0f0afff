"""The loop on what inference loggers write: several pictures a record, predictions, classes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.errors import MissingPackage
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.events.prediction import Prediction, PredictionBook
from driftgauge.agent.loop.loop import AgentLoop
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.ports import Scored
from driftgauge.agent.stream.in_memory import MemoryDeadLetters, MemorySource, MemoryTopic
from driftgauge.storage import CLASSES, Store

from ..events.samples import JSON, REQUEST, RESPONSE, SELDON_RESPONSE, as_json, b64
from ..records import NOON, jpeg
from ..scorer import BrightnessScorer

STREAM = "line"
DECODE = DecodeSettings(segment_headers=("predicted_class",))
TIME = round(NOON.timestamp() * 1000)


class Classifier(BrightnessScorer):
    """Bright pictures are class 1; it never sees more than its batch."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def see(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self.batches.append(len(images))

    def score(
        self,
        images: Sequence[NDArray[np.uint8]],
        uniforms: NDArray[np.float64],
        segments: Sequence[Mapping[str, str]] = (),
    ) -> Scored:
        found = super().score(images, uniforms)
        classes = np.array([int(image.mean() > 110) for image in images])
        return Scored(scores=found.scores, p_values=found.p_values, predicted=classes)


@dataclass
class Rig:
    store: Store
    decode: DecodeSettings = DECODE
    ports: DecodePorts = field(default_factory=DecodePorts)
    topic: MemoryTopic = field(default_factory=lambda: MemoryTopic("frames"))
    letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)
    scorer: Classifier = field(default_factory=Classifier)
    classes: tuple[str, ...] = ()

    def request(self, name: str, *levels: int, **more: object) -> None:
        body = {"instances": [b64(jpeg(level)) for level in levels], **more}
        headers = JSON | REQUEST | {"ce_id": name.encode()}
        self.topic.append(as_json(body), headers=headers, timestamp_ms=TIME)

    def prediction(self, name: str, *predictions: object) -> None:
        headers = JSON | RESPONSE | {"ce_id": name.encode()}
        self.topic.append(as_json({"predictions": predictions}), headers=headers, timestamp_ms=TIME)

    def run(self) -> AgentLoop:
        stop = threading.Event()
        clock = ManualClock(NOON + timedelta(seconds=30))
        settings = LoopSettings(
            stream=STREAM, decode=self.decode, max_images=4, max_waiting=16, classes=self.classes
        )
        loop = AgentLoop(
            source=MemorySource(self.topic, auto_offset_reset="earliest"),
            dead_letters=self.letters,
            scorer=self.scorer,
            store=self.store,
            clock=clock,
            settings=settings,
            stop=stop,
            ports=self.ports,
        )
        for _ in range(6):
            loop.turn()
            clock.sleep(1)
        stop.set()
        loop.run()
        return loop

    def counts(self) -> dict[str, int]:
        return self.store.event_counts(STREAM)

    def next_offset(self) -> int:
        return self.store.offsets(STREAM, self.topic.partitions)["frames", 0]


@pytest.fixture
def rig(store: Store) -> Rig:
    store.ensure_stream(STREAM, "frames", 60)
    return Rig(store)


def named(rig: Rig, *names: str) -> Rig:
    rig.ports = DecodePorts(predictions=PredictionBook(names))
    return rig


def test_every_picture_of_a_request_counts_once_and_the_offset_moves_by_one(rig: Rig) -> None:
    rig.request("a", 20, 90, 160)
    rig.request("b", *range(20, 160, 5))
    rig.request("c", 90)
    rig.run()
    assert rig.counts()["*"] == 3 + 28 + 1
    assert rig.next_offset() == 3
    assert max(rig.scorer.batches) <= 4


def test_each_picture_of_a_request_may_be_kept_as_evidence(rig: Rig) -> None:
    rig.request("a", 200, 90, 220)
    rig.run()
    kept = rig.store.evidence(STREAM, segment="*", kind="unusual")
    assert {record.item for record in kept} == {0, 1, 2}
    assert {record.offset for record in kept} == {0}


def test_a_request_with_one_bad_picture_counts_not_at_all(rig: Rig) -> None:
    rig.request("a", 90)
    rig.topic.append(
        as_json({"instances": [b64(), b64(b"broken")]}), headers=JSON, timestamp_ms=TIME
    )
    rig.request("c", 90)
    rig.run()
    assert rig.counts()["*"] == 2
    assert [letter.offset for letter in rig.letters.stored] == [1]
    assert rig.next_offset() == 3


def test_a_prediction_is_passed_over_and_is_no_dead_letter(rig: Rig) -> None:
    rig.request("a", 90)
    rig.prediction("a", 1)
    rig.prediction("nobody", 1)
    rig.run()
    assert rig.counts() == {"*": 1, "predicted_class=1": 1}
    assert rig.letters.stored == []
    assert rig.next_offset() == 3


def test_a_topic_of_predictions_alone_moves_on(rig: Rig) -> None:
    rig.prediction("a", 1)
    rig.run()
    assert rig.counts() == {}
    assert rig.next_offset() == 1


def test_without_a_prediction_the_class_is_the_one_that_the_model_gives_here(rig: Rig) -> None:
    rig.request("a", 20, 160)
    rig.run()
    assert rig.counts() == {"*": 2, "predicted_class=0": 1, "predicted_class=1": 1}


def test_a_prediction_joins_each_picture_of_its_request(rig: Rig) -> None:
    rig.request("a", 20, 20)
    rig.prediction("a", [0.1, 0.2, 0.7], 5)
    rig.run()
    assert rig.counts() == {"*": 2, "predicted_class=2": 1, "predicted_class=5": 1}


def test_a_label_in_a_prediction_of_its_own_counts_only_where_classes_are_named(rig: Rig) -> None:
    rig.request("a", 20)
    rig.prediction("a", "dog")
    rig.run()
    assert rig.counts() == {"*": 1, "predicted_class=0": 1}


def test_named_classes_have_one_name_whoever_tells_them(rig: Rig) -> None:
    named(rig, "cat", "dog")
    rig.request("a", 20)  # the model
    rig.request("b", 20)
    rig.prediction("b", 0)  # a number
    rig.request("c", 160)
    rig.prediction("c", "cat")  # a label
    rig.request("d", 160, predictions=[[0.9, 0.1]])  # in the same message
    rig.run()
    assert rig.counts() == {"*": 4, "predicted_class=cat": 4}


@pytest.mark.parametrize("label", ["x" * 10_000, "a\x1b[2J", "a\0b", "a\u202eb"])
def test_a_label_that_no_database_takes_is_a_letter_and_the_stream_goes_on(
    rig: Rig, label: str
) -> None:
    named(rig, "cat", "dog")
    rig.request("a", 20)
    body = {"data": {"names": ["cat", label], "ndarray": [[0.1, 0.9]]}}
    headers = JSON | SELDON_RESPONSE | {"ce_requestid": b"a"}
    rig.topic.append(as_json(body), headers=headers, timestamp_ms=TIME)
    rig.request("b", 160)
    rig.run()
    assert rig.counts() == {"*": 2, "predicted_class=cat": 1, "predicted_class=dog": 1}
    assert rig.next_offset() == 3
    (letter,) = rig.letters.stored
    reason = dict(letter.headers)["dlq_message"].decode()
    assert reason.isprintable()
    assert len(reason) <= 500
    assert f"'data.names', label 1 cannot be kept: got {len(label)} characters" in reason


def test_a_camera_of_any_script_is_counted_under_its_name(rig: Rig) -> None:
    rig.decode = DecodeSettings(segment_headers=("camera",))
    for name in ("カメラ\u3000\uff13", "Halle\u00a03"):
        rig.topic.append(jpeg(), headers={"Camera": name.encode()}, timestamp_ms=TIME)
    rig.run()
    assert rig.counts() == {"*": 2, "camera=カメラ\u3000\uff13": 1, "camera=Halle\u00a03": 1}


def test_a_package_that_is_missing_here_ends_the_agent_and_loses_no_event(rig: Rig) -> None:
    def read(value: bytes) -> dict[str, object]:
        raise MissingPackage(
            "schema 7 is an Avro schema, and the package fastavro is not installed"
        )

    rig.ports = DecodePorts(read_record=read)
    rig.topic.append(b"\0\0\0\0\7record", timestamp_ms=TIME)
    with pytest.raises(MissingPackage, match="the package fastavro is not installed"):
        rig.run()
    assert rig.letters.stored == []
    assert rig.store.offsets(STREAM, rig.topic.partitions).get(("frames", 0), 0) == 0


def test_predictions_are_forgotten_oldest_first() -> None:
    book = PredictionBook(max_predictions=2)
    for name in ("a", "b", "c"):
        book.put(Prediction(name, ("1",)))
    book.put(Prediction(None, ("1",)))
    book.put(Prediction("d", (None,)))
    assert list(book._classes) == ["b", "c"]


def class_counts(rig: Rig) -> dict[str, tuple[int, ...]]:
    until = NOON + timedelta(hours=1)
    windows = rig.store.windows(STREAM, rig.scorer.detector, after=None, until=until)
    return {
        row.segment: (row.counts[0], row.counts[1], row.counts[-1])
        for row in windows
        if row.layer == CLASSES
    }


def test_predicted_classes_are_counted_although_the_stream_is_not_sliced_by_them(
    rig: Rig,
) -> None:
    named(rig, "dark", "bright").classes = ("bright", "dark")
    rig.decode = DecodeSettings(segment_headers=("camera",))
    rig.prediction("a", {"class": "bright"}, {"class": "odd"})
    rig.request("a", 20, 30)
    rig.request("b", 20, 200, 200)
    rig.run()
    assert class_counts(rig) == {"*": (3, 1, 1)}
    assert set(rig.counts()) == {"*"}


def test_a_segment_of_one_class_counts_no_classes(rig: Rig) -> None:
    named(rig, "dark", "bright").classes = ("bright", "dark")
    rig.request("b", 20, 200, 200)
    rig.run()
    assert class_counts(rig) == {"*": (2, 1, 0)}
    assert rig.counts() == {"*": 3, "predicted_class=bright": 2, "predicted_class=dark": 1}
