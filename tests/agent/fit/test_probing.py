from __future__ import annotations

from collections import Counter

import numpy as np

from driftgauge.agent.fit.pictures import LONGER_SIDE, PictureReservoir


def test_every_picture_of_a_stream_is_kept_with_equal_chance() -> None:
    kept: Counter[int] = Counter()
    for seed in range(400):
        reservoir = PictureReservoir(10, seed=seed)
        for number in range(40):
            reservoir.offer(number, np.zeros((2, 2, 3), np.uint8))
        assert len(reservoir.kept) == 10
        kept.update(reservoir.kept.keys())
    assert set(kept) == set(range(40))
    assert min(kept.values()) > 60  # 100 expected, deviation 8.7
    assert max(kept.values()) < 140


def test_a_large_picture_is_kept_small_and_a_small_one_as_it_is() -> None:
    reservoir = PictureReservoir(2)
    small = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    reservoir.offer(0, small)
    reservoir.offer(1, np.zeros((400, 4 * LONGER_SIDE, 3), np.uint8))
    assert np.array_equal(reservoir.kept[0], small)
    assert reservoir.kept[1].shape == (100, LONGER_SIDE, 3)


def test_a_reservoir_of_none_keeps_none() -> None:
    reservoir = PictureReservoir(0)
    reservoir.offer(0, np.zeros((2, 2, 3), np.uint8))
    assert reservoir.kept == {}
