"""Scoring beside the loop: it polls on, drops what is no longer its business, sets NaN aside."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.errors import ScorerFault
from driftgauge.agent.events.decode import DecodeSettings
from driftgauge.agent.events.tap_vectors import (
    CONTENT_TYPE,
    TapOrigin,
    TapsWanted,
    encode_taps,
)
from driftgauge.agent.stream.in_memory import MemorySource
from driftgauge.detector import NonFiniteScore

from ..scorer import BRIGHT, BrightnessScorer
from .test_loop import SETTINGS, Rig, finish, rig

__all__ = ["rig"]


class Held(BrightnessScorer):
    """Scores nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def see(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self.go.wait()


class NotFinite(NonFiniteScore):
    def __init__(self, rows: tuple[int, ...]) -> None:
        super().__init__("layer early is NaN")
        self.rows = rows


class Blind(BrightnessScorer):
    """Gives no finite score for a bright picture."""

    def see(self, images: Sequence[NDArray[np.uint8]]) -> None:
        rows = tuple(row for row, image in enumerate(images) if image.mean() > BRIGHT)
        if rows:
            raise NotFinite(rows)


class Fussy(BrightnessScorer):
    """Prepares no bright picture, and notes which thread made what, and what it is to score."""

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.made: list[NDArray[np.uint8]] = []
        self.given: list[NDArray[np.uint8]] = []

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.threads.add(threading.current_thread().name)
        if image.mean() > BRIGHT:
            raise ValueError("too bright for this transform")
        self.made.append(image.copy())
        return self.made[-1]

    def see(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self.given += images


def test_the_loop_polls_on_while_a_batch_is_scored(rig: Rig) -> None:
    rig.send(2)
    scorer = Held()
    loop = rig.loop(scorer=scorer)
    rig.turn(loop, 2)
    handed_over = loop.status().turned_at
    rig.send(3)
    rig.turn(loop, 4)
    assert loop.status().n_counted == 0
    assert loop.status().n_waiting == 5
    assert loop.status().turned_at == handed_over  # the watchdog counts from here
    scorer.go.set()
    finish(rig, loop)
    assert rig.counts["*"] == 5


def test_memory_is_bounded_while_scoring_falls_behind(rig: Rig) -> None:
    rig.send(200)
    scorer = Held()
    loop = rig.loop(scorer=scorer)
    rig.turn(loop, 6)
    assert loop.status().n_waiting <= 50 + SETTINGS.max_waiting
    assert not rig.source.poll(0).records
    scorer.go.set()
    finish(rig, loop)
    assert rig.counts["*"] == 200


def test_scores_that_come_after_a_rebalance_are_dropped_and_read_again(rig: Rig) -> None:
    rig.send(3)
    scorer = Held()
    loop = rig.loop(scorer=scorer)
    rig.turn(loop, 2)
    rig.source.reassign(rig.topic.partitions)
    rig.turn(loop, 2)
    scorer.go.set()
    finish(rig, loop)
    assert rig.counts["*"] == 3


def test_leaving_does_not_wait_for_a_scorer_that_hangs(rig: Rig) -> None:
    rig.send(3)
    scorer = Held()
    loop = rig.loop(scorer=scorer)
    rig.turn(loop, 2)
    rig.stop.set()
    threading.Timer(0.5, lambda: rig.clock.sleep(60)).start()  # what the drain may take is over
    loop.run()
    assert rig.source.is_closed
    assert rig.counts == {}
    scorer.go.set()


def test_a_picture_without_finite_scores_is_a_dead_letter_and_the_rest_counts(rig: Rig) -> None:
    rig.send(3)
    rig.send(1, level=240)
    rig.send(4)
    loop = rig.loop(scorer=Blind())
    finish(rig, loop)
    assert rig.counts["*"] == 7
    (letter,) = rig.letters.stored
    headers = dict(letter.headers)
    assert headers["dlq_offset"] == b"3"
    assert headers["dlq_error"] == b"EventUnscorable"
    assert b"layer early is NaN" in headers["dlq_message"]
    assert rig.store.offsets("line", rig.topic.partitions)["frames", 0] == 8


def test_a_model_that_scores_nothing_any_more_ends_the_loop(rig: Rig) -> None:
    rig.send(12, level=240)
    rig.source = MemorySource(rig.topic, auto_offset_reset="earliest")
    loop = rig.loop(scorer=Blind())
    with pytest.raises(ScorerFault, match=r"cannot score 4 events.*layer early is NaN"):
        finish(rig, loop)
    assert rig.counts == {}


def test_a_dead_camera_beside_good_ones_never_ends_the_loop(rig: Rig) -> None:
    for _ in range(12):
        rig.send(3, level=240)
        rig.send(1)
    finish(rig, rig.loop(scorer=Blind()))
    assert rig.counts["*"] == 12
    assert len(rig.letters.stored) == 36


def test_pictures_are_prepared_where_they_are_decoded_and_scored_as_prepared(rig: Rig) -> None:
    rig.send(6, level=40)
    scorer = Fussy()
    loop = rig.loop(scorer=scorer)
    finish(rig, loop)
    assert rig.counts["*"] == 6
    assert all(name.startswith("decode") for name in scorer.threads)
    assert {id(image) for image in scorer.given} == {id(image) for image in scorer.made}
    assert len(scorer.given) == 6
    assert "prepare" in loop.status().stage_seconds


def test_a_picture_that_the_transform_refuses_is_a_dead_letter_and_the_rest_counts(
    rig: Rig,
) -> None:
    rig.send(3)
    rig.send(1, level=240)
    rig.send(4)
    finish(rig, rig.loop(scorer=Fussy()))
    assert rig.counts["*"] == 7
    (letter,) = rig.letters.stored
    headers = dict(letter.headers)
    assert headers["dlq_offset"] == b"3"
    assert headers["dlq_error"] == b"EventUnscorable"
    assert b"transform refused this picture of 32 x 24 pixels" in headers["dlq_message"]
    assert b"too bright for this transform" in headers["dlq_message"]


def test_a_transform_that_takes_no_picture_any_more_ends_the_loop(rig: Rig) -> None:
    rig.send(12, level=240)
    loop = rig.loop(scorer=Fussy())
    with pytest.raises(
        ScorerFault, match=r"cannot score 4 events, frames/0@8 to frames/0@11: .*too"
    ):
        finish(rig, loop)
    assert rig.counts == {}


def test_taps_of_other_weights_are_counted_and_told_and_never_end_the_loop(rig: Rig) -> None:
    origin, theirs = (TapOrigin(weights, "", "float32") for weights in ("ours", "theirs"))
    value = encode_taps(theirs, {"early": np.ones((2, 2))}, [{"ce_id": "a"}, {"ce_id": "b"}])
    for _ in range(20):
        rig.topic.append(value, headers={"content-type": CONTENT_TYPE.encode()})
    wanted = TapsWanted(origin, {"early": 2})
    loop = rig.loop(replace(SETTINGS, decode=DecodeSettings(taps_wanted=wanted)))
    finish(rig, loop)
    assert rig.letters.stored == []
    assert (loop.status().n_unscored, loop.status().n_counted) == (40, 0)
    other = loop.status().other_model
    assert other is not None
    assert other.n_events == 40
    assert "theirs" in other.why
