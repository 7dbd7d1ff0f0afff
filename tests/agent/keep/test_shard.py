from __future__ import annotations

import numpy as np
import pytest

from driftgauge.agent.errors import KeptTapsDamaged
from driftgauge.agent.keep.shard import Shard, as_float16, decode_shard, encode_shard, join_shards


def shard(n: int, *, first: int = 0) -> Shard:
    return Shard(
        channels={"a": 2, "b": 1},
        taps=np.arange(3 * n, dtype=np.float16).reshape(n, 3),
        p_values=np.linspace(0.1, 1, n, dtype=np.float32),
        times=np.arange(first, first + n),
        segments=[("camera=1",) if row % 2 else ("camera=2", "line=~x") for row in range(n)],
        places=np.stack([np.zeros(n, int), np.arange(n), np.zeros(n, int)], axis=1),
    )


def test_a_shard_is_read_as_it_was_written() -> None:
    read, made = decode_shard(encode_shard(shard(5))), shard(5)
    assert read.channels == made.channels
    assert read.segments == made.segments
    for name in ("taps", "p_values", "times", "places"):
        assert getattr(read, name).tobytes() == getattr(made, name).tobytes()


def test_the_same_events_make_the_same_bytes() -> None:
    assert encode_shard(shard(5)) == encode_shard(shard(5))


@pytest.mark.parametrize("content", [b"", b"not a shard", encode_shard(shard(5))[:-7]])
def test_bytes_that_are_no_shard_are_refused(content: bytes) -> None:
    with pytest.raises(KeptTapsDamaged, match="cannot be read"):
        decode_shard(content)


def test_joined_shards_are_in_the_order_of_time() -> None:
    joined = join_shards([shard(3, first=10), shard(3, first=0)])
    assert joined.times.tolist() == [0, 1, 2, 10, 11, 12]
    assert list(joined.segments) == [*shard(3).segments, *shard(3).segments]


def test_numbers_beyond_half_precision_stay_finite() -> None:
    kept = as_float16(np.array([1e9, -1e9, 1.0], np.float32))
    assert np.isfinite(kept).all()
    assert kept[2] == 1
