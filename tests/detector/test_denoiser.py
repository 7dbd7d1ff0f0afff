from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from driftgauge.detector import Training
from driftgauge.detector.denoiser import Denoiser
from driftgauge.detector.fitting import train_denoiser

from .models import normal_taps

STEP = 75
SHORT = Training(n_epochs=1, min_steps=30, max_steps=30)


def scrambled(seed: int) -> Denoiser:
    """A denoiser whose every weight is random: an untrained one answers zero whatever it is told."""
    generator = torch.Generator().manual_seed(seed)
    denoiser = Denoiser(6, width=8, n_blocks=2).eval()
    with torch.no_grad():
        for weight in denoiser.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    return denoiser


def assert_one_step_is_a_row_of_steps(denoiser: Denoiser) -> None:
    noised = torch.linspace(-2, 2, 18).reshape(3, 6)
    for step in (STEP, 10, STEP):
        by_rows = denoiser(noised, torch.full((3,), step))
        assert torch.allclose(denoiser(noised, step), by_rows, rtol=1e-5, atol=1e-5)


def test_what_is_kept_of_a_step_follows_the_weights() -> None:
    denoiser = scrambled(0)
    assert_one_step_is_a_row_of_steps(denoiser)
    denoiser.load_state_dict(scrambled(1).state_dict())
    assert_one_step_is_a_row_of_steps(denoiser)
    with torch.no_grad():
        denoiser.get_parameter("embed.0.weight").mul_(2)
    assert_one_step_is_a_row_of_steps(denoiser)
    twin = copy.deepcopy(denoiser)
    with torch.no_grad():
        twin.get_parameter("embed.0.bias").add_(1)
    assert_one_step_is_a_row_of_steps(twin)
    assert_one_step_is_a_row_of_steps(denoiser.double().float())


def test_a_step_first_asked_for_in_low_precision_serves_float32_later() -> None:
    denoiser = scrambled(0)
    noised = torch.ones(1, 6)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        denoiser(noised, STEP)
    assert_one_step_is_a_row_of_steps(denoiser)


def test_a_denoiser_made_in_inference_mode_follows_its_weights_too() -> None:
    with torch.inference_mode():
        denoiser = Denoiser(6, width=8, n_blocks=1).eval()
        nn.init.ones_(denoiser.outlet.weight)
        assert_one_step_is_a_row_of_steps(denoiser)
        nn.init.ones_(denoiser.get_parameter("embed.0.weight"))
        nn.init.ones_(denoiser.get_parameter("blocks.0.second.weight"))
        assert_one_step_is_a_row_of_steps(denoiser)


def test_one_step_while_training_reaches_the_embeddings_gradients() -> None:
    denoiser = scrambled(0).train()
    denoiser(torch.ones(2, 6), STEP).sum().backward()
    gradient = denoiser.get_parameter("embed.0.weight").grad
    assert gradient is not None
    assert float(gradient.abs().sum()) > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_on_a_gpu_in_mixed_precision_is_repeatable_and_as_good_as_on_the_processor() -> (
    None
):
    clean = torch.cat(list(normal_taps(600, 0).values()), dim=1)

    def fit(device: str) -> tuple[Denoiser, float]:
        denoiser, figures = train_denoiser(
            clean.to(device), width=64, n_blocks=2, seed=0, training=SHORT
        )
        return denoiser, figures["held_out_loss"]

    (first, loss), (second, _), (_, on_processor) = fit("cuda"), fit("cuda"), fit("cpu")
    assert all(weight.dtype == torch.float32 for weight in first.parameters())
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    assert loss == pytest.approx(on_processor, rel=0.02)


@pytest.mark.parametrize("n_steps", [1, 2, 10, 19])
def test_a_training_of_few_steps_takes_them_all(n_steps: int) -> None:
    clean = normal_taps(64, 0)["early"]
    plan = Training(max_steps=n_steps)
    _, figures = train_denoiser(clean, width=8, n_blocks=1, seed=0, training=plan)
    assert figures["steps"] == n_steps


def test_a_training_of_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="got max_steps 0, wanted at least 1"):
        Training(max_steps=0)
