"""float32 means float32 on a GPU too, and what the process had set comes back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from driftgauge.agent.model.float_products import precision_knobs, products_in
from driftgauge.agent.model.load import load_model
from driftgauge.agent.model.reader import LayerReader

ME = __name__


def switches() -> list[object]:
    return [getattr(place, name) for place, name, _ in precision_knobs(torch.backends, rounds=True)]


class Watching(nn.Module):
    """Keeps how the switches stood in its last pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)
        self.seen: list[object] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen = switches()
        found: Tensor = self.layer(images).mean((2, 3))
        return found


def watching() -> nn.Module:
    return Watching()


def values(*, rounds: bool) -> list[object]:
    return [value for _, _, value in precision_knobs(torch.backends, rounds=rounds)]


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_a_pass_multiplies_as_the_settings_say(precision: str) -> None:
    loaded = load_model(
        source=None, factory=f"{ME}:watching", image_size=32, device="cpu", precision=precision
    )
    before = switches()
    assert before != values(rounds=False)  # torch's own default rounds in convolutions
    LayerReader(loaded, ["layer"]).try_out()
    expected = {"float32": values(rounds=False), "tf32": values(rounds=True), "bfloat16": before}
    assert isinstance(loaded.model, Watching)
    assert loaded.model.seen == expected[precision]
    assert switches() == before
    assert loaded.identity.precision == precision


def test_after_an_error_the_switches_are_as_before() -> None:
    before = switches()
    with pytest.raises(ValueError, match="it failed"), products_in("tf32"):
        raise ValueError("it failed")
    assert switches() == before


def test_a_torch_before_2_9_has_its_older_switches_set() -> None:
    cudnn, matmul = SimpleNamespace(allow_tf32=True), SimpleNamespace(allow_tf32=False)
    backends = SimpleNamespace(cudnn=cudnn, cuda=SimpleNamespace(matmul=matmul))
    assert precision_knobs(backends, rounds=False) == [
        (cudnn, "allow_tf32", False),
        (matmul, "allow_tf32", False),
    ]
