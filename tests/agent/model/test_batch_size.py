"""The size of a batch is measured: what is gained, what an image waits for, what fits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from driftgauge.agent.errors import ModelFault
from driftgauge.agent.model.batch_size import choose_batch, plain_batch, scoring_seconds

from ..scorer import BrightnessScorer


def linear(launch: float, each: float) -> Callable[[int], float]:
    return lambda n: launch + n * each


@pytest.mark.parametrize(
    ("pass_seconds", "wanted", "reason"),
    [
        (linear(0.005, 1e-5), 256, "the largest tried"),
        (linear(0.0001, 1e-3), 16, "64 are no faster"),
        (linear(0.05, 5e-3), 64, "256 would take over 0.5 s"),
        (linear(0.1, 0.1), 16, "64 would take over 0.5 s"),
        (linear(0.2, 5.5e-3), 16, "64 would take over 0.5 s"),
        (linear(0.1, 8e-3), 16, "64 take over 0.5 s"),
    ],
    ids=["GPU", "no gain", "some gain", "slow", "at the limit", "beyond the limit"],
)
def test_the_smallest_batch_is_taken_that_no_larger_one_outruns(
    pass_seconds: Callable[[int], float], wanted: int, reason: str
) -> None:
    choice = choose_batch(pass_seconds, longest_seconds=0.5)
    assert (choice.max_images, choice.reason) == (wanted, reason)


def test_a_batch_that_does_not_fit_is_not_taken() -> None:
    def measure(n: int) -> float:
        if n > 64:
            raise ModelFault("out of memory") from torch.OutOfMemoryError("CUDA out of memory")
        return 0.01

    choice = choose_batch(measure, longest_seconds=0.5)
    assert choice.max_images == 64
    assert str(choice) == (
        "batches of 64 images (1600 images/s with 16, 6400 images/s with 64; 256 do not fit into "
        "the memory)"
    )


def test_a_model_that_fails_otherwise_is_no_matter_of_size() -> None:
    def measure(n: int) -> float:
        if n > 16:
            raise ModelFault("it takes 16 images only") from RuntimeError("shape")
        return 0.01

    with pytest.raises(ModelFault, match="it takes 16 images only"):
        choose_batch(measure, longest_seconds=0.5)


def test_passes_are_those_of_the_scorer_itself() -> None:
    sizes: list[int] = []

    class Scorer(BrightnessScorer):
        def see(self, images: object) -> None:
            sizes.append(len(images))  # type: ignore[arg-type]

    assert scoring_seconds(Scorer())(5) > 0
    assert set(sizes) == {5}


def test_a_size_that_is_set_is_not_measured() -> None:
    assert (plain_batch(8), plain_batch("auto")) == (8, 16)
