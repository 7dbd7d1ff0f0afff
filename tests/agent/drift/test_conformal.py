from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.drift.block_ranks import (
    MIN_BLOCKS,
    N_STATISTICS,
    BlockRanks,
    build_ranks,
    join_windows,
    rank_evidence,
)
from driftgauge.agent.drift.drift_test import JudgedWindow
from driftgauge.agent.drift.log_evidence import log_mean
from driftgauge.agent.drift.tests.conformal import LAG_WINDOWS, RankMemory

from .streams import normal_scores, pool_p_values, windows_of

Counts = NDArray[np.int64]
A = 1000.0


def stream(n_windows: int, seed: int, *, correlation: float = 0.0, lift: float = 0.0) -> Counts:
    scores = normal_scores(64 * n_windows, seed, correlation=correlation, shift=0.5 + lift)
    return windows_of(pool_p_values(scores))


def ranks_of(windows: Counts) -> BlockRanks:
    ranks = build_ranks(windows)
    assert ranks is not None
    return ranks


def window(counts: Counts, second: int, *, is_quiet: bool = True) -> JudgedWindow:
    both = np.stack([counts, counts])
    return JudgedWindow(both, datetime.fromtimestamp(second, UTC), is_quiet=is_quiet)


def alarms(ranks: BlockRanks, windows: Counts) -> list[int]:
    memory, found = RankMemory.fresh(ranks), []
    for second, counts in enumerate(windows):
        memory.add(ranks, window(counts, second), column=0)
        if log_mean(memory.log_evidence) >= math.log(A):
            found.append(second)
            memory = memory.restarted()
    return found


def test_quiet_windows_alarm_no_more_often_than_promised_however_alike_their_events_are() -> None:
    for correlation in (0.0, 0.9):
        total = 0
        for seed in range(3):
            ranks = ranks_of(stream(128, seed, correlation=correlation))
            total += len(alarms(ranks, stream(1000, 100 + seed, correlation=correlation)))
        assert total <= 7  # 3 expected at most; 8 or more once in 80 times


def test_a_lasting_change_of_every_window_is_found_soon() -> None:
    delays = [
        (alarms(ranks_of(stream(64, seed)), stream(60, 50 + seed, lift=0.4)) or [99])[0]
        for seed in range(5)
    ]
    assert float(np.median(delays)) <= 8


def test_the_evidence_of_exchangeable_blocks_has_mean_one_whatever_was_seen() -> None:
    rng = np.random.default_rng(1)
    seen = rng.integers(0, 9, (N_STATISTICS, 41))
    urn = (seen[0] + 1) / (seen[0] + 1).sum()
    gains = []
    for _ in range(20_000):
        gap = np.full(N_STATISTICS, rng.choice(41, p=urn))
        same = np.broadcast_to(seen[0], seen.shape)
        gains.append(np.exp(rank_evidence(gap, same, rng.random(N_STATISTICS))[[3, 4]]))
    assert np.abs(np.mean(gains, axis=0) - 1.0).max() < 0.03


def test_windows_are_joined_until_neighbours_no_longer_resemble_each_other() -> None:
    slow = np.repeat(normal_scores(1024, 3), 4 * 16)  # four windows of 16 share their mood
    scores = slow + normal_scores(len(slow), 4)
    windows = windows_of(pool_p_values(scores), 16)
    assert ranks_of(windows).least_events >= 4 * 16
    assert ranks_of(stream(256, 1)).least_events <= 128


def test_too_few_blocks_rank_nothing() -> None:
    assert build_ranks(stream(MIN_BLOCKS - 1, 1)) is None


def test_joining_takes_sparse_windows_together_and_leaves_out_the_rest() -> None:
    windows = np.array([[3, 0], [1, 1], [9, 0], [1, 0]])
    assert join_windows(windows, 5).tolist() == [[4, 1], [9, 0]]
    assert join_windows(windows, 100).shape == (0, 2)


def test_equal_statistics_are_ranked_at_random_among_each_other() -> None:
    same = np.tile(stream(1, 1), (40, 1))
    ranks = ranks_of(same)
    assert ranks.gaps(same[0], np.zeros(N_STATISTICS)).tolist() == [0] * N_STATISTICS
    assert ranks.gaps(same[0], np.full(N_STATISTICS, 0.999)).tolist() == [40] * N_STATISTICS


def test_a_memory_taken_up_in_the_middle_judges_as_if_it_had_never_stopped() -> None:
    ranks = ranks_of(stream(64, 1, correlation=0.9))
    live = stream(90, 2, correlation=0.9, lift=0.2)
    whole, halves = RankMemory.fresh(ranks), RankMemory.fresh(ranks)
    for second, counts in enumerate(live):
        whole.add(ranks, window(counts, second), column=1)
        halves.add(ranks, window(counts, second), column=1)
        halves = RankMemory.load(json.loads(json.dumps(halves.dump())))
    assert halves.dump() == whole.dump()
    assert halves.seen.sum() > 0
    assert halves.fits(ranks)


def test_windows_of_an_alert_and_those_just_before_it_never_become_normal() -> None:
    ranks = ranks_of(stream(64, 1))
    memory = RankMemory.fresh(ranks)
    for second, counts in enumerate(stream(LAG_WINDOWS, 2)):
        memory.add(ranks, window(counts, second), column=0)
    memory = memory.restarted()  # an alarm
    for second, counts in enumerate(stream(3 * LAG_WINDOWS, 3)):
        memory.add(ranks, window(counts, second, is_quiet=False), column=0)
    assert memory.seen.sum() == 0
