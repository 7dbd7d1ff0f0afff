from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import timm
import torch
from torch import nn

from driftgauge.detector import (
    LayerNotFound,
    LayerSilent,
    LayerTaps,
    Layout,
    ShapeMismatch,
    roughness,
    select_layers,
)
from driftgauge.detector.pooling import pool_activation
from driftgauge.detector.roughness import measure_roughness

from .hosts import HOSTS, Answer, build_host
from .models import small_cnn


def images(n: int = 2, size: int = 32) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def n_hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_the_hosts_output_is_bit_identical_with_and_without_taps() -> None:
    model = small_cnn()
    with torch.inference_mode():
        bare = model(images())
        with LayerTaps(model, ["0", "1"]):
            tapped = model(images())
    assert torch.equal(bare, tapped)


def test_hooks_are_gone_after_exit_and_after_an_error() -> None:
    model = small_cnn()
    with LayerTaps(model, ["0"]):
        assert n_hooks(model) == 2
    assert n_hooks(model) == 0
    with pytest.raises(RuntimeError, match="expected input"), LayerTaps(model, ["0"]):
        model(torch.zeros(2, 5, 8, 8))
    assert n_hooks(model) == 0


def test_a_tap_is_the_mean_over_positions_before_a_later_in_place_change() -> None:
    model = small_cnn()
    with torch.inference_mode(), LayerTaps(model, ["0.0", "0"]) as taps:
        model(images())
        pooled = taps.pooled()
        convolved = model.get_submodule("0.0")(images())
    assert torch.allclose(pooled["0.0"], convolved.mean(dim=(2, 3)), atol=1e-6)
    assert bool((pooled["0"] >= 0).all())


def test_two_tap_sets_on_one_model_do_not_disturb_each_other() -> None:
    model = small_cnn()
    with torch.inference_mode(), LayerTaps(model, ["0"]) as first:
        with LayerTaps(model, ["0", "1"]) as second:
            model(images())
            assert torch.equal(first.pooled()["0"], second.pooled()["0"])
        model(images())
        assert list(first.pooled()) == ["0"]


def test_an_unknown_layer_is_refused_with_the_nearest_name() -> None:
    model = timm.create_model("resnet18", pretrained=False)
    with pytest.raises(LayerNotFound, match="'layer5' is not in ResNet; did you mean 'layer4'"):
        LayerTaps(model, ["layer5"])
    with pytest.raises(LayerNotFound, match="'layer4#0' is not in ResNet"):
        LayerTaps(model, ["layer4#0"])
    with pytest.raises(LayerNotFound, match="got no layers"):
        LayerTaps(model, [])


def test_a_layer_that_fires_never_or_more_than_once_is_an_error_that_says_what_to_do() -> None:
    model = build_host("re-used")
    with torch.inference_mode(), LayerTaps(model, ["shared"]) as taps:
        with pytest.raises(LayerSilent, match="did not fire in the last forward pass"):
            taps.pooled()
        model(images())
        with pytest.raises(
            LayerSilent, match=r"fired 3 times .* name the call, such as 'shared#3'"
        ):
            taps.pooled()


def test_each_call_of_a_reused_layer_can_be_tapped_by_its_number() -> None:
    model = build_host("re-used")
    with torch.inference_mode(), LayerTaps(model, ["shared#1", "shared#3", "last"]) as taps:
        model(images())
        pooled = taps.pooled()
        first = model.get_submodule("shared")(model.get_submodule("first")(images()))
    assert torch.allclose(pooled["shared#1"], first.mean(dim=(2, 3)), atol=1e-6)
    assert not torch.allclose(pooled["shared#1"], pooled["shared#3"])
    with torch.inference_mode(), LayerTaps(model, ["shared#4"]) as taps:
        model(images())
        with pytest.raises(LayerSilent, match=r"called 3 times .* call 4 did not happen"):
            taps.pooled()


def test_taps_are_those_of_the_last_pass_also_after_one_that_failed() -> None:
    model = small_cnn()
    with torch.inference_mode(), LayerTaps(model, ["0", "1"]) as taps:
        model(images())
        with pytest.raises(RuntimeError, match="expected input"):
            model(torch.zeros(2, 5, 8, 8))
        model(images(3))
        model(images(4))
        assert taps.pooled()["1"].shape == (4, 16)


def test_threads_read_their_own_passes() -> None:
    model = small_cnn()
    met = threading.Barrier(2)
    rows: dict[int, int] = {}

    def work(n: int, taps: LayerTaps) -> None:
        with torch.inference_mode():
            met.wait(60)
            model(images(n))
            met.wait(60)
            rows[n] = len(taps.pooled()["1"])

    with LayerTaps(model, ["1"]) as taps:
        threads = [threading.Thread(target=work, args=(n, taps)) for n in (2, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert rows == {2: 2, 5: 5}


class Says(nn.Module):
    """Returns what it was given at its making, with the input inside."""

    def __init__(self, wrap: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, x: torch.Tensor) -> object:
        return self.wrap(x)


@pytest.mark.parametrize(
    ("wrap", "error", "words"),
    [
        (lambda x: "no tensor", LayerSilent, "returned no tensor but str"),
        (lambda x: x[0], ShapeMismatch, r"gave shape \(5, 5, 5\) for 2 samples"),
        (lambda x: x.transpose(0, 1), ShapeMismatch, "wanted one row per sample"),
        (lambda x: x.sum(), ShapeMismatch, r"shape \(\) for 2 samples"),
        (lambda x: x[None, None].transpose(0, 2), ShapeMismatch, "wanted 2 to 4 axes"),
        (lambda x: x[:, :, :0], ShapeMismatch, "no position"),
        (lambda x: x.to_sparse(), ShapeMismatch, "returned a value that cannot be pooled"),
        (lambda x: x.to(torch.complex64), ShapeMismatch, "returned a value that cannot be pooled"),
    ],
    ids=["text", "one image", "time first", "number", "five axes", "no place", "sparse", "complex"],
)
def test_an_output_that_cannot_be_pooled_is_an_error_of_pooled_and_never_of_the_host(
    wrap: Callable[[torch.Tensor], object], error: type[Exception], words: str
) -> None:
    model = nn.Sequential(Says(wrap)).eval()
    with LayerTaps(model, ["0"]) as taps:
        model(torch.ones(2, 5, 5, 5))
        with pytest.raises(error, match=words):
            taps.pooled()


def test_outputs_in_tuples_mappings_and_objects_are_tapped_at_their_first_batch() -> None:
    loss = torch.tensor(0.5)
    wraps: list[Callable[[torch.Tensor], object]] = [
        lambda x: (None, x),
        lambda x: {"aux": 3, "loss": loss, "out": x},
        lambda x: Answer(loss, x),
        lambda x: ([(torch.ones(7, 2), x)],),
        lambda x: SimpleNamespace(text="a", tensors=x),
    ]
    for wrap in wraps:
        wrapped = nn.Sequential(Says(wrap)).eval()
        with LayerTaps(wrapped, ["0"]) as taps:
            wrapped(torch.ones(2, 5))
            assert taps.pooled()["0"].shape == (2, 5)


def test_an_empty_batch_gives_empty_taps() -> None:
    model = small_cnn()
    with torch.inference_mode(), LayerTaps(model, ["0", "1"]) as taps:
        model(torch.zeros(0, 3, 8, 8))
        assert {name: tap.shape for name, tap in taps.pooled().items()} == {
            "0": (0, 8),
            "1": (0, 16),
        }


def test_what_is_not_finite_passes_through_for_the_detector_to_judge() -> None:
    model = small_cnn()
    spoilt = images()
    spoilt[1, 0, 3, 3] = torch.nan
    with torch.inference_mode(), LayerTaps(model, ["0"]) as taps:
        model(spoilt)
        tap = taps.pooled()["0"]
    assert bool(torch.isfinite(tap[0]).all())
    assert bool(torch.isnan(tap[1]).any())


def test_half_precision_is_pooled_in_single_precision() -> None:
    # 4,096 ones and a half sum to 4,096.5, which bfloat16 cannot hold and half cannot add up
    grid = torch.ones(1, 1, 64, 64)
    grid[0, 0, 0, 0] = 1.5
    for kind in (torch.bfloat16, torch.float16):
        model = nn.Sequential(nn.Identity()).eval()
        with LayerTaps(model, ["0"]) as taps:
            model(grid.to(kind))
            assert taps.pooled()["0"].item() == pytest.approx(4096.5 / 4096, abs=1e-7)


def test_a_tap_of_a_vector_is_a_copy_and_holds_no_graph() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)).eval()
    with LayerTaps(model, ["0"]) as taps:
        model(-torch.ones(2, 4))
        tap = taps.pooled()["0"]
    assert torch.allclose(tap, model[0](-torch.ones(2, 4)).detach())
    assert not tap.requires_grad


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_taps_add_next_to_nothing_to_the_gpus_peak_memory() -> None:
    model = build_host("resnet").cuda()
    batch = images(64, 128).cuda()

    def peak() -> int:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        with torch.inference_mode():
            model(batch)
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()

    try:
        peak()
        bare = peak()
        with LayerTaps(model, list(HOSTS["resnet"].layers)) as taps:
            tapped = peak()
            assert taps.pooled()["layer4"].device.type == "cuda"
    finally:
        model.cpu()
    assert tapped - bare < 8 * 1024 * 1024  # a map of layer1 alone is 64 x 64 x 32 x 32 x 4 bytes


def test_pooling_follows_the_shape_in_float32() -> None:
    half = torch.full((2, 3, 4, 4), 0.5, dtype=torch.float16)
    assert pool_activation(half).dtype == torch.float32
    assert pool_activation(half).shape == (2, 3)
    assert pool_activation(half.permute(0, 2, 3, 1), channels_last=True).shape == (2, 3)
    assert pool_activation(torch.ones(2, 7, 5)).shape == (2, 5)
    with pytest.raises(ShapeMismatch, match=r"\(3,\)"):
        pool_activation(torch.ones(3))


@pytest.mark.parametrize("numbers", [1, 500, 1 << 20])
def test_roughness_has_the_same_bits_however_many_samples_are_taken_at_a_time(
    numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = torch.randn(7, 5, 20, 30, generator=torch.Generator().manual_seed(0))
    layout = Layout((20, 30), 5, grid=(20, 30))
    monkeypatch.setattr(roughness, "CACHED_NUMBERS", 1 << 30)
    together = measure_roughness(maps, layout)
    monkeypatch.setattr(roughness, "CACHED_NUMBERS", numbers)
    assert torch.equal(measure_roughness(maps, layout), together)
    assert measure_roughness(maps[:0], layout).shape == (0, 5)


def test_a_model_without_maps_or_tokens_asks_for_names() -> None:
    with pytest.raises(LayerNotFound, match=r"name them under \[detector\] layers"):
        select_layers(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)).eval(), torch.zeros(1, 3, 4, 4))
