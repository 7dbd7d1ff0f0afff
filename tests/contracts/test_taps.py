"""What taps promise to every production model, of whatever make."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import Tensor, nn

from driftgauge.detector import (
    LayerTaps,
    Layout,
    describe_layers,
    layer_of,
    select_layers,
    with_roughness,
)
from driftgauge.detector.activation import first_tensor, tensors_in
from driftgauge.detector.roughness import row_step
from tests.detector.hosts import HOSTS, build_host, images

pytestmark = pytest.mark.parametrize("name", HOSTS)


class Broken(Exception):
    """A fault in the host's own code."""


def n_hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def fault(module: nn.Module, inputs: object, output: object) -> None:
    raise Broken


def test_selection_takes_the_backbones_stages_and_says_what_they_give(name: str) -> None:
    host, model = HOSTS[name], build_host(name)
    chosen = select_layers(model, images(host.size, n=1))
    said = describe_layers(model, chosen, images(host.size))
    assert {layer: str(layout) for layer, layout in said.items()} == host.layers
    assert n_hooks(model) == 0


def test_the_hosts_output_keeps_its_bits(name: str) -> None:
    host, model = HOSTS[name], build_host(name)
    with torch.inference_mode():
        bare = list(tensors_in(model(images(host.size))))
        with LayerTaps(model, with_roughness(host.layers)):
            tapped = list(tensors_in(model(images(host.size))))
    assert bare
    assert all(torch.equal(a, b) for a, b in zip(bare, tapped, strict=True))


def test_a_tap_is_the_moment_of_what_the_layer_gave_and_no_map_outlives_its_hook(name: str) -> None:
    host, model = HOSTS[name], build_host(name)
    layers = list(host.layers)
    layouts = describe_layers(model, layers, images(host.size))
    given: dict[str, Tensor] = {}
    alive: dict[str, weakref.ref[Tensor]] = {}

    def note(layer: str) -> None:
        def read(module: nn.Module, inputs: object, output: object) -> None:
            activation = first_tensor(output, 2)
            assert activation is not None
            alive[layer] = weakref.ref(activation)
            given[layer] = mean_of(activation, layouts[layer])
            given[f"{layer}~roughness"] = roughness_of(activation, layouts[layer])

        handles.append(model.get_submodule(layer).register_forward_hook(read))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for layer in layers:
        note(layer)
    try:
        with torch.inference_mode(), LayerTaps(model, with_roughness(layers)) as taps:
            model(images(host.size))
            assert [layer for layer, tensor in alive.items() if tensor() is not None] == []
            pooled = taps.pooled()
    finally:
        for handle in handles:
            handle.remove()
    assert list(pooled) == list(given)
    for tap, moment in pooled.items():
        assert moment.dtype == torch.float32
        assert moment.shape == (2, layouts[layer_of(tap)].channels)
        assert torch.allclose(moment.double(), given[tap], rtol=1e-4, atol=1e-5)


def test_each_images_taps_are_its_own_whatever_its_batch_and_place(name: str) -> None:
    host, model = HOSTS[name], build_host(name)
    batch = images(host.size)
    with torch.inference_mode(), LayerTaps(model, with_roughness(host.layers)) as taps:
        model(batch)
        together = taps.pooled()
        model(batch.flip(0))
        turned = taps.pooled()
        model(batch[:1])
        alone = taps.pooled()
    for tap, moments in together.items():
        scale = moments.abs().max()
        assert torch.allclose(moments.flip(0) / scale, turned[tap] / scale, atol=1e-5)
        assert torch.allclose(moments[:1] / scale, alone[tap] / scale, atol=1e-5)


def mean_of(activation: Tensor, layout: Layout) -> Tensor:
    """Return the same mean in another way: one axis after the other, in double precision."""
    exact = activation.double()
    if layout.channels_last or exact.ndim == 3:
        exact = exact[:, layout.n_prefix :].movedim(-1, 1)
    return exact.flatten(2).transpose(1, 2).sum(dim=1) / layout.n_positions


def roughness_of(activation: Tensor, layout: Layout) -> Tensor:
    """Return the same roughness in another way: pair by pair, in double precision."""
    exact = activation.double()
    if exact.ndim == 3:
        exact = exact[:, layout.n_prefix :].reshape(2, *layout.grid, layout.channels)
    elif not layout.channels_last:
        exact = exact.movedim(1, -1)
    height, width = layout.grid
    rows = range(0, max(height - 1, 1), row_step(height))
    across = [abs(exact[:, r, c + 1] - exact[:, r, c]) for r in rows for c in range(width - 1)]
    down = [
        abs(exact[:, r + 1, c] - exact[:, r, c]) for r in rows[: height - 1] for c in range(width)
    ]
    both = [torch.stack(pairs).mean(dim=0) for pairs in (across, down) if pairs]
    return torch.stack(both).mean(dim=0) if both else torch.zeros_like(exact[:, 0, 0])


def test_hooks_are_gone_after_exit_and_after_an_exception_in_the_host(name: str) -> None:
    host, model = HOSTS[name], build_host(name)
    layers = list(host.layers)
    with LayerTaps(model, with_roughness(layers)):
        assert n_hooks(model) == 2 * len(layers) + 1
    assert n_hooks(model) == 0
    broken = model.get_submodule(layers[-1]).register_forward_hook(fault)
    with pytest.raises(Broken), LayerTaps(model, layers) as taps:
        model(images(host.size))
    broken.remove()
    assert n_hooks(model) == 0
    with torch.inference_mode(), taps:
        model(images(host.size))
        assert list(taps.pooled()) == layers


def test_two_tap_sets_on_one_model_do_not_disturb_each_other(name: str) -> None:
    host, model = HOSTS[name], build_host(name)
    layers = list(host.layers)
    with torch.inference_mode(), LayerTaps(model, layers) as first:
        with LayerTaps(model, layers[-1:]) as second:
            model(images(host.size))
            both = first.pooled(), second.pooled()
        model(images(host.size))
        again = first.pooled()
    assert torch.equal(both[0][layers[-1]], both[1][layers[-1]])
    assert all(torch.equal(both[0][layer], again[layer]) for layer in layers)
