"""What a host must be to be tapped, and what it is told otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from driftgauge.detector import LayerTaps, ModelNotTappable, select_layers
from tests.detector.hosts import images
from tests.detector.models import small_cnn


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


class Around(nn.Module):
    """An eager model around a module that is compiled or scripted."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.out = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        result: Tensor = self.out(x)
        return result


def body() -> nn.Module:
    return small_cnn()[:2].eval()


def pooled_by_hand(x: Tensor) -> Tensor:
    given: Tensor = body()(x)
    return given.mean(dim=(2, 3))


def compile_with(model: nn.Module, backend: str, *, whole: bool = False) -> Any:
    return torch.compile(model, backend=backend, fullgraph=whole)


def test_a_model_in_train_mode_is_refused_with_the_way_out() -> None:
    model = small_cnn().train()
    for attempt in (lambda: LayerTaps(model, ["0"]).__enter__(), lambda: choose(model)):
        with pytest.raises(ModelNotTappable, match=r"in train mode \(the model itself.*eval\(\)"):
            attempt()


def choose(model: nn.Module) -> tuple[str, ...]:
    return select_layers(model, images(32))


def test_a_normalisation_or_dropout_left_in_train_mode_is_named() -> None:
    model = small_cnn()
    model.get_submodule("1.1").train()
    with pytest.raises(ModelNotTappable, match=r"train mode \(1\.1\)"), LayerTaps(model, ["0"]):
        pass


def test_a_train_flag_that_changes_nothing_is_no_reason_to_refuse() -> None:
    model = small_cnn()
    model.get_submodule("4").train()  # a new head, put on after eval()
    with torch.inference_mode(), LayerTaps(model, ["0"]) as taps:
        model(images(32))
        assert len(taps.pooled()["0"]) == 2


def test_layers_inside_a_compiled_model_are_refused_and_the_way_out_works() -> None:
    compiled = compile_with(body(), "eager")
    for layer in ("0", "_orig_mod.0"):
        with pytest.raises(ModelNotTappable, match=r"inside torch\.compile.*model\._orig_mod"):
            LayerTaps(compiled, [layer])
    with pytest.raises(ModelNotTappable, match=r"inside torch\.compile"):
        select_layers(compiled, images(32))
    inner = compiled._orig_mod
    with torch.inference_mode(), LayerTaps(inner, ["1"]) as taps:
        inner(images(32))
        assert torch.allclose(taps.pooled()["1"], pooled_by_hand(images(32)), atol=1e-6)


def test_taps_set_before_torch_compile_read_compiled_passes_and_come_off() -> None:
    model = body()
    with torch.inference_mode(), LayerTaps(model, ["0", "1"]) as taps:
        compiled = compile_with(model, "aot_eager", whole=True)
        for shift in (0.0, 1.0, 2.0):
            compiled(images(32) + shift)
            wanted = pooled_by_hand(images(32) + shift)
            assert torch.allclose(taps.pooled()["1"], wanted, atol=1e-6)
    with torch.inference_mode():
        assert torch.equal(compiled(images(32)), body()(images(32)))
    assert not taps.layouts()


def test_a_module_that_compiled_itself_is_refused_inside_and_tapped_from_outside() -> None:
    model = Around(body())
    model.body.compile(backend="eager")
    model(images(32))
    with pytest.raises(ModelNotTappable, match="compiled itself"):
        LayerTaps(model, ["body.0"])
    with torch.no_grad(), LayerTaps(model.eval(), ["body"]) as taps:
        model(images(32))
        assert torch.allclose(taps.pooled()["body"], pooled_by_hand(images(32)), atol=1e-6)


def test_a_compiled_module_in_an_eager_model_is_tapped_at_its_output() -> None:
    model = Around(compile_with(body(), "eager")).eval()
    with torch.no_grad(), LayerTaps(model, ["body"]) as taps:
        for _ in range(2):
            model(images(32))
            assert torch.allclose(taps.pooled()["body"], pooled_by_hand(images(32)), atol=1e-6)


@pytest.mark.filterwarnings(
    "ignore:`torch.jit:FutureWarning", "ignore:`torch.jit:DeprecationWarning"
)
def test_torchscript_is_refused_inside_and_traced_modules_are_tapped_from_outside() -> None:
    jit: Any = torch.jit  # its functions have no types
    scripted, traced = jit.script(body()), jit.trace(body(), images(32))
    frozen = jit.freeze(scripted)
    for model in (scripted, traced, frozen):
        with pytest.raises(ModelNotTappable, match=r"runs inside TorchScript.*Python model"):
            LayerTaps(model, ["0"])
    with pytest.raises(ModelNotTappable, match="layer 'body' is TorchScript"):
        LayerTaps(Around(scripted).eval(), ["body"])
    with pytest.raises(ModelNotTappable, match="TorchScript"):
        select_layers(scripted, images(32))
    around = Around(traced).eval()
    with torch.inference_mode(), LayerTaps(around, ["body", "out"]) as taps:
        around(images(32))
        assert torch.allclose(taps.pooled()["body"], pooled_by_hand(images(32)), atol=1e-6)


def test_layers_of_an_exported_program_are_refused() -> None:
    exported = torch.export.export(body(), (images(32),)).module()
    with pytest.raises(ModelNotTappable, match=r"not called by the graph .*torch\.export"):
        LayerTaps(exported, ["0"])


def test_a_symbolically_traced_model_is_tapped_at_the_modules_that_it_calls() -> None:
    graph = torch.fx.symbolic_trace(body()).eval()
    with pytest.raises(ModelNotTappable, match=r"layer '1' is not called by the graph"):
        LayerTaps(graph, ["1"])
    assert choose(graph) == ("0.1", "1.2")
    with torch.inference_mode(), LayerTaps(graph, ["1.2"]) as taps:
        graph(images(32))
        assert torch.allclose(taps.pooled()["1.2"], pooled_by_hand(images(32)), atol=1e-6)
