"""Pictures of every kind through a model, and what is told where that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.agent.events.tap_vectors import TapOrigin, TapVectors
from driftgauge.agent.model.load import LoadedModel
from driftgauge.agent.model.pixels import as_rgb
from driftgauge.agent.model.prepared import Prepared
from driftgauge.agent.model.preprocessing import timm_preprocessing
from driftgauge.agent.model.reader import LayerReader
from driftgauge.detector import PIXELS, LayerSilent, ModelIdentity, ShapeMismatch, measure_picture
from tests.agent.records import encoded, picture


def as_stored(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def loaded(transform: Callable[[Image.Image], Any] = as_stored) -> LoadedModel:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    identity = ModelIdentity("weights", "as stored")
    return LoadedModel(body.eval(), transform, torch.device("cpu"), "body", identity)


def noise(*shape: int, kind: type = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape).astype(kind)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16", "RGB"])
def test_pixels_become_rgb_as_the_same_picture_decoded_does(mode: str) -> None:
    if mode == "I;16":
        source = Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257)
    else:
        source = picture().convert(mode)
    decoded = decode_image(encoded(source, "PNG"), ImageSettings(max_pixels=10_000))
    pixels = decoded if mode == "P" else np.asarray(source)  # a palette has no colours of its own
    assert np.array_equal(as_rgb(pixels), decoded)


def test_grey_rgba_and_sixteen_bit_pixels_give_the_taps_of_their_rgb() -> None:
    reader = LayerReader(loaded(), ["0"])
    grey = noise(9, 9)
    colours = noise(9, 9, 4)
    got = reader.read([grey, grey[:, :, None], grey.astype(np.uint16) * 257, colours]).taps["0"]
    rgb = reader.read([np.repeat(grey[:, :, None], 3, axis=2), colours[:, :, :3]]).taps["0"]
    assert torch.allclose(got[:3], rgb[:1].expand(3, -1), atol=1e-6)
    assert torch.allclose(got[3], rgb[1], atol=1e-6)


@pytest.mark.parametrize(
    "image",
    [noise(9), noise(3, 9, 9), noise(9, 9, 5), np.zeros((9, 9, 3)), noise(0, 9, 3)],
    ids=["one axis", "channels first", "five channels", "floats", "no pixel"],
)
def test_what_is_no_picture_is_refused_with_what_is_wanted(image: NDArray[Any]) -> None:
    with pytest.raises(ShapeMismatch, match=r"wanted \(height, width, 3\) uint8"):
        LayerReader(loaded(), ["0"]).read([image])


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="got no images"):
        LayerReader(loaded(), ["0"]).read([])


def test_images_of_different_sizes_are_read_size_by_size_and_keep_their_order() -> None:
    reader = LayerReader(loaded(), ["0"])
    images = [noise(9, 9, 3), noise(7, 12, 3), noise(9, 9, 3) // 2, noise(7, 12, 3) // 3]
    together = reader.read(images)
    for row, image in enumerate(images):
        alone = reader.read([image])
        assert torch.allclose(together.taps["0"][row], alone.taps["0"][0], atol=1e-6)
        assert together.predicted is not None
        assert alone.predicted is not None
        assert together.predicted[row] == alone.predicted[0]


def test_what_was_read_is_not_changed_by_the_next_batch() -> None:
    reader = LayerReader(loaded(), ["0"])
    first = reader.read([noise(9, 9, 3)])
    assert first.predicted is not None
    classes = first.predicted.copy()
    reader.read([noise(9, 9, 3) // 2] * 3)
    assert np.array_equal(first.predicted, classes)
    assert first.layouts.keys() == {"0"}
    assert first.forward_seconds > 0


def test_a_layer_that_never_fires_is_named_at_the_first_read() -> None:
    model = loaded()
    model.model.register_module("spare", nn.Linear(2, 2))
    model.model.forward = lambda x: x  # skips every layer
    with pytest.raises(LayerSilent, match="'spare' did not fire"):
        LayerReader(model, ["spare"]).read([noise(9, 9, 3)])


def sent(taps: dict[str, Tensor], row: int, weights: str = "weights") -> TapVectors:
    origin = TapOrigin(weights, "", "float32")
    return TapVectors(origin, {layer: tap[row].numpy() for layer, tap in taps.items()})


def test_taps_that_were_sent_are_read_beside_pictures_without_a_forward_pass() -> None:
    reader = LayerReader(loaded(), ["0"])
    images = [noise(9, 9, 3), noise(9, 9, 3) // 2, noise(9, 9, 3) // 3]
    read = reader.read(images)
    taps, classes = read.taps, read.predicted
    assert classes is not None
    mixed = reader.read([sent(taps, 0), images[1], sent(taps, 2)])
    assert torch.allclose(mixed.taps["0"], taps["0"], atol=1e-6)
    assert mixed.predicted is not None
    assert mixed.predicted.tolist() == [-1, classes[1], -1]
    alone = reader.read([sent(taps, 2), sent(taps, 0)])
    assert torch.equal(alone.taps["0"], taps["0"][[2, 0]])
    assert alone.forward_seconds == 0.0


def test_taps_of_another_model_or_without_a_layer_are_refused() -> None:
    reader = LayerReader(loaded(), ["0"])
    taps = reader.read([noise(9, 9, 3)]).taps
    with pytest.raises(ShapeMismatch, match="weights: others != weights"):
        reader.read([sent(taps, 0, weights="others")])
    with pytest.raises(
        ShapeMismatch, match=r"no tap 0; name the tap in attach\(layers=...\), or fit"
    ):
        reader.read([sent({"1": taps["0"]}, 0)])


def test_prepared_pictures_are_read_beside_others_with_the_same_bits() -> None:
    reader = LayerReader(loaded(), ["0"])
    images = [noise(9, 9, 3), noise(9, 9, 3) // 2, noise(7, 12, 3)]
    wanted = reader.read(images).taps["0"]
    prepared = [reader.prepare(image) for image in images]
    assert prepared[2].input.shape == (1, 3, 7, 12)
    assert torch.equal(reader.read(prepared).taps["0"], wanted)
    assert torch.equal(reader.read([images[0], *prepared[1:]]).taps["0"], wanted)


def test_threads_that_prepare_at_once_give_what_one_gives() -> None:
    transform = timm_preprocessing(loaded().model, 64).transform
    reader = LayerReader(loaded(transform), ["0"])
    images = [noise(90, 70, 3) // n for n in range(1, 40)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(reader.prepare, images))
    alone = [reader.prepare(image) for image in images]
    pairs = list(zip(found, alone, strict=True))
    assert all(torch.equal(one.input, other.input) for one, other in pairs)


PIXEL_TAPS = (PIXELS, "0")


def pictures_of_several_sizes() -> list[NDArray[np.uint8]]:
    sizes = ((90, 70), (240, 320), (36, 40), (90, 70), (300, 130), (33, 33), (240, 320))
    return [noise(*size, 3) // (1 + place) for place, size in enumerate(sizes)]


def test_the_pixel_layer_is_the_pictures_own_statistics_before_the_transform() -> None:
    images = pictures_of_several_sizes()
    for transform in (as_stored, timm_preprocessing(loaded().model, 32).transform):
        read = LayerReader(loaded(transform), PIXEL_TAPS).read(images)
        wanted, cells = map(np.stack, zip(*map(measure_picture, images), strict=True))
        assert np.array_equal(read.taps[PIXELS].numpy(), wanted)
        assert read.cells is not None
        assert np.array_equal(read.cells, cells)
        assert list(read.taps) == list(PIXEL_TAPS)


def test_the_pixel_layer_leaves_the_models_layers_and_classes_as_they_are() -> None:
    images = pictures_of_several_sizes()
    without = LayerReader(loaded(), ["0"]).read(images)
    beside = LayerReader(loaded(), PIXEL_TAPS).read(images)
    assert torch.equal(beside.taps["0"], without.taps["0"])
    assert np.array_equal(beside.predicted, without.predicted)  # type: ignore[arg-type]


def test_each_pictures_pixel_layer_is_its_own_whatever_its_batch_and_place() -> None:
    reader, images = LayerReader(loaded(), PIXEL_TAPS), pictures_of_several_sizes()

    def measured(some: Sequence[NDArray[np.uint8] | Prepared]) -> Tensor:
        read = reader.read(some)
        assert read.cells is not None
        return torch.cat([read.taps[PIXELS], torch.from_numpy(read.cells)], dim=1)

    together, turned = measured(images), measured(images[::-1])
    assert torch.equal(turned.flip(0), together)
    for size in (1, 2, 3):
        parts = [measured(images[start : start + size]) for start in range(0, len(images), size)]
        assert torch.equal(torch.cat(parts), together)
    prepared = [reader.prepare(image) for image in images]
    assert torch.equal(measured([images[0], *prepared[1:]]), together)


def test_a_reader_without_the_pixel_layer_measures_no_pixels() -> None:
    reader, image = LayerReader(loaded(), ["0"]), noise(9, 9, 3)
    assert reader.prepare(image).sample is None
    assert reader.read([image]).cells is None
