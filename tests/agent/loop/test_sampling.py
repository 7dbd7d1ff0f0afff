"""Sampling under lag leaves out what it says, and bends no rate."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.events.uniform import event_uniform
from driftgauge.agent.loop.lag import LagReading, PartitionLag
from driftgauge.agent.loop.loop_settings import LoopSettings
from driftgauge.agent.loop.sampling import Sampler, SamplingSettings
from driftgauge.agent.stream.in_memory import MemorySource

from ..records import NOON, jpeg, record
from ..scorer import BrightnessScorer
from .test_loop import SETTINGS, STREAM, Rig, finish, rig

__all__ = ["rig"]

HALF_MINUTE = SamplingSettings(above_lag_seconds=30)
LAGGING = replace(
    SETTINGS,
    lag_interval_seconds=0.1,
    sampling=SamplingSettings(above_lag_seconds=10, one_in_at_most=3),
)


def sampler(settings: SamplingSettings, *, lag_seconds: float, messages: int = 1000) -> Sampler:
    behind = round((NOON.timestamp() - lag_seconds) * 1000)
    found = Sampler(settings, ManualClock(NOON))
    found.follow(LagReading(0.0, {("frames", 0): PartitionLag(messages, behind)}))
    return found


@pytest.mark.parametrize(
    ("lag_seconds", "one_in"), [(0, 1), (30, 1), (30.1, 2), (60, 2), (61, 3), (600, 20), (1e7, 20)]
)
def test_the_rate_follows_the_lag_and_is_bounded(lag_seconds: float, one_in: int) -> None:
    tried = sampler(HALF_MINUTE, lag_seconds=lag_seconds)
    seen = {tried.one_in(record(b"", offset=offset)) for offset in range(500)}
    assert seen == ({1} if one_in == 1 else {0, one_in})


def test_nothing_is_left_out_where_nothing_waits_or_nobody_asked_for_it() -> None:
    for tried in (
        sampler(HALF_MINUTE, lag_seconds=900, messages=0),
        sampler(SamplingSettings(), lag_seconds=900),
    ):
        assert {tried.one_in(record(b"", offset=offset)) for offset in range(500)} == {1}


def test_other_partitions_are_not_sampled() -> None:
    tried = sampler(HALF_MINUTE, lag_seconds=900)
    assert {tried.one_in(record(b"", partition=1, offset=n)) for n in range(500)} == {1}


def test_it_ends_when_the_lag_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    tried = sampler(HALF_MINUTE, lag_seconds=900)
    tried.follow(LagReading(1.0, {("frames", 0): PartitionLag(0)}))
    assert {tried.one_in(record(b"", offset=offset)) for offset in range(500)} == {1}
    assert [line.split(":")[0] for line in caplog.messages] == [
        "the agent lags behind",
        "caught up",
    ]


def test_the_chosen_stand_for_all_and_their_p_values_stay_uniform() -> None:
    """The hash that chooses must not be the one that smooths ranks."""
    tried = sampler(HALF_MINUTE, lag_seconds=150)
    weights = np.array([tried.one_in(record(b"", offset=offset)) for offset in range(20_000)])
    assert weights.sum() == pytest.approx(20_000, rel=0.05)
    smoothing = [event_uniform("frames", 0, int(offset)) for offset in np.flatnonzero(weights)]
    assert np.mean(smoothing) == pytest.approx(0.5, abs=0.02)


def test_a_request_and_its_answer_share_their_fate() -> None:
    tried = sampler(HALF_MINUTE, lag_seconds=150)
    for n in range(200):
        headers = {"ce_id": b"%d" % n, "ce_source": b"/serving"}
        pair = (record(b"", offset=offset, headers=headers) for offset in (n, n + 9_000))
        assert len({tried.one_in(one) for one in pair}) == 1


def send_both(rig: Rig, n: int) -> Counter[int]:
    """Send *n* pictures, a quarter of them bright: out of distribution."""
    dice, sent = random.Random(1), Counter[int]()
    for _ in range(n):
        level = 240 if dice.random() < 0.25 else 90
        rig.send(1, level=level)
        sent[level] += 1
    return sent


def test_what_was_scored_and_what_was_left_out_is_everything(rig: Rig) -> None:
    n = 1200
    sent = send_both(rig, n)
    loop = rig.loop(LAGGING)
    rig.turn(loop, 90)
    finish(rig, loop)
    (place,) = (row for row in rig.store.partitions(STREAM) if row.partition == 0)
    assert place.next_offset == n
    assert rig.counts["*"] + place.sampled_out == n
    assert loop.status().n_sampled_out == place.sampled_out > n / 2
    (rate,) = rig.store.rates(STREAM, period="day", segment="camera=3")
    assert rate.events == rig.counts["camera=3"] == loop.status().n_scored
    assert rate.represented == pytest.approx(n, rel=0.15)
    assert rate.ood_rate == pytest.approx(sent[240] / n, abs=0.06)


def test_agents_that_die_leave_no_record_uncounted_or_counted_twice(rig: Rig) -> None:
    rig.send(600)
    for turns in (9, 31, 17, 40):
        rig.source = MemorySource(rig.topic, auto_offset_reset="earliest", max_records=7)
        rig.turn(rig.loop(LAGGING), turns)
    rig.source = MemorySource(rig.topic, auto_offset_reset="earliest", max_records=7)
    rig.turn(rig.loop(LAGGING), 60)
    finish(rig, rig.loop(LAGGING))
    (place,) = (row for row in rig.store.partitions(STREAM) if row.partition == 0)
    assert place.next_offset == 600
    assert rig.counts["*"] + place.sampled_out == 600
    assert place.sampled_out > 0


def test_a_rate_over_changing_samples_is_that_of_all_events(rig: Rig) -> None:
    """An hour whose bright half was sampled by the sender counts it in full."""
    for level, rate in ((90, b"1"), (240, b"10")):
        for n in range(100 if level == 90 else 10):
            moment = NOON + timedelta(seconds=10 * (level == 240))
            headers = {"ce_sampledrate": rate, "ce_time": moment.isoformat().encode()}
            rig.topic.append(jpeg(level), headers=headers, partition=n % 2)
    finish(rig, rig.loop())
    (rate_row,) = rig.store.rates(STREAM, period="day", segment="*")
    assert (rate_row.events, rate_row.represented) == (110, 200)
    assert rate_row.ood_rate == pytest.approx(0.5, abs=0.02)


class Sizes(BrightnessScorer):
    """Remembers how large each batch was."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def see(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self.sizes.append(len(images))


@pytest.mark.parametrize("settings", [SETTINGS, LAGGING], ids=["all", "sampled"])
def test_a_busy_stream_is_scored_in_full_batches(rig: Rig, settings: LoopSettings) -> None:
    """Also when most of it is left out: what is left out takes no room."""
    rig.send(400)
    rig.source = MemorySource(rig.topic, auto_offset_reset="earliest", max_records=10)
    scorer = Sizes()
    rig.turn(rig.loop(settings, scorer), 110)
    assert len(scorer.sizes) >= 30
    assert np.mean(np.array(scorer.sizes) == SETTINGS.max_images) > 0.9
