"""What inference loggers write: KServe and Triton (V1, V2) and Seldon, requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import EventDecodeError, EventError, EventSchemaError
from ..untrusted.document import as_list, as_object, field_at
from .answer import classes_seldon, classes_v1, classes_v2
from .image import decode_image
from .payload import Image
from .picture_field import Fetch, find_picture, picture_bytes
from .tensor import TensorSettings, check_shape, number_array, shaped, to_images
from .v2_binary import raw_elements, raw_tensor, typed

Kind = Literal["v1", "v2", "seldon"]

_MAX_INPUTS = 64
_SELDON_DATA = ("ndarray", "tensor", "tftensor")
_SELDON = ("binData", "strData", "jsonData")


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSettings:
    """What a picture may be, however it is sent."""

    tensor: TensorSettings
    fetch: Fetch
    image_field: str = ""

    def decode(self, value: bytes) -> Image:
        """Return the picture in encoded bytes."""
        return decode_image(value, self.tensor.image)


def inference_kind(document: Mapping[str, object]) -> Kind | None:
    """Return whose form *document* has, None when nobody's."""
    if "instances" in document or "predictions" in document:
        return "v1"
    if isinstance(document.get("inputs"), list) or isinstance(document.get("outputs"), list):
        return "v2"
    data = document.get("data")
    of_data = isinstance(data, Mapping) and any(name in data for name in _SELDON_DATA)
    return "seldon" if of_data or any(name in document for name in _SELDON) else None


def is_answer(document: Mapping[str, object], kind: Kind, event_type: str) -> bool:
    """Return whether *document* is what the model answered; Seldon's form is told by its type."""
    if kind == "seldon":
        return event_type.endswith("response")
    return not ("instances" in document or "inputs" in document)


def answer_classes(document: Mapping[str, object], kind: Kind) -> tuple[str | None, ...]:
    """Return the predicted class of each picture, none where the answer tells none."""
    try:
        return {"v1": classes_v1, "v2": classes_v2, "seldon": classes_seldon}[kind](document)
    except EventError:  # an answer need not be one of classes
        return ()


def request_images(
    document: Mapping[str, object], kind: Kind, settings: PictureSettings, raw: bytes = b""
) -> tuple[Image, ...]:
    """Return the pictures of a request.

    Args:
        raw: what follows the JSON, where tensors are sent as bytes.

    Raises:
        EventError: there are none, too many, or some cannot be decoded: all or none count.
    """
    if kind == "v1":
        images = _v1_images(document, settings)
    elif kind == "v2":
        images = _v2_images(document, settings, raw)
    else:
        images = _seldon_images(document, settings)
    n_pixels = sum(image.shape[0] * image.shape[1] for image in images)
    if len(images) > settings.tensor.max_images or n_pixels > settings.tensor.max_pixels:
        raise EventDecodeError(
            f"the request has too much: got {len(images)} pictures of {n_pixels} pixels in all, "
            f"wanted at most {settings.tensor.max_images} of {settings.tensor.max_pixels}; raise "
            "events.max_images_per_message or batch.max_image_pixels if such are meant"
        )
    return images


def _v1_images(document: Mapping[str, object], settings: PictureSettings) -> tuple[Image, ...]:
    instances = as_list(document.get("instances"), "'instances'")
    _refuse_many(len(instances), settings.tensor)
    return tuple(
        _v1_image(one, settings, f"instance {number}") for number, one in enumerate(instances)
    )


def _v1_image(instance: object, settings: PictureSettings, where: str) -> Image:
    value = _v1_value(instance, settings, where)
    if isinstance(value, list):
        (image,) = _one(to_images(number_array(value, None, where), settings.tensor, where), where)
        return image
    return settings.decode(picture_bytes(value, settings.fetch, where))


def _v1_value(instance: object, settings: PictureSettings, where: str) -> object:
    if not isinstance(instance, Mapping) or "b64" in instance:
        return instance
    if settings.image_field:
        return field_at(instance, settings.image_field)
    if len(instance) == 1:
        return next(iter(instance.values()))
    return find_picture(as_object(instance, where), "")[1]


def _one(images: tuple[Image, ...], where: str) -> tuple[Image, ...]:
    if len(images) != 1:
        raise EventDecodeError(f"{where} has {len(images)} pictures, wanted one")
    return images


def _refuse_many(n: int, settings: TensorSettings) -> None:
    if n > settings.max_images:
        raise EventDecodeError(
            f"the request has too many pictures: got {n}, wanted at most {settings.max_images}; "
            "raise events.max_images_per_message if such are meant"
        )


def _v2_images(
    document: Mapping[str, object], settings: PictureSettings, raw: bytes
) -> tuple[Image, ...]:
    listed = as_list(document.get("inputs"), "'inputs'")
    if len(listed) > _MAX_INPUTS:
        raise EventSchemaError(
            f"the request has too many inputs: got {len(listed)}, wanted at most {_MAX_INPUTS}"
        )
    inputs = [as_object(one, "an input") for one in listed]
    tensor, tail = _v2_input(inputs, settings.image_field, raw)
    where = f"input {str(tensor.get('name'))[:40]!r}"
    shape = check_shape(tensor.get("shape"), settings.tensor, where)
    datatype = tensor.get("datatype")
    if datatype == "BYTES":
        elements = raw_elements(tail, where) if tail is not None else tensor.get("data")
        return _encoded(elements, shape, settings, where)
    if tail is not None:
        array = raw_tensor(tail, datatype, shape, where)
    else:
        array = typed(number_array(tensor.get("data"), shape, where), datatype)
    return to_images(array, settings.tensor, where)


def _v2_input(
    inputs: list[Mapping[str, object]], name: str, raw: bytes
) -> tuple[Mapping[str, object], bytes | None]:
    """Return the input with the picture, and its bytes when they follow the JSON."""
    start = 0
    found: list[tuple[Mapping[str, object], bytes | None]] = []
    for one in inputs:
        size = field_at(one, "parameters.binary_data_size")
        if size is None:
            found.append((one, None))
            continue
        if not isinstance(size, int) or not 0 <= size <= len(raw) - start:
            raise EventSchemaError(
                f"an input's binary_data_size is wrong: got {str(size)[:24]}, where "
                f"{len(raw) - start} bytes follow the JSON; the logger may have dropped the header "
                "inference-header-content-length"
            )
        found.append((one, raw[start : start + size]))
        start += size
    named = [pair for pair in found if pair[0].get("name") == name] if name else found[:1]
    if not named:
        names = ", ".join(str(one.get("name"))[:40] for one in inputs[:8])
        raise EventSchemaError(f"the request has no input {name!r}; it has {names}")
    return named[0]


def _encoded(
    elements: object, shape: tuple[int, ...], settings: PictureSettings, where: str
) -> tuple[Image, ...]:
    values = as_list(elements, where)
    while len(values) == 1 and isinstance(values[0], list):
        values = as_list(values[0], where)
    _refuse_many(len(values), settings.tensor)
    if len(values) != int(np.prod(shape)):
        raise EventSchemaError(
            f"{where} has {len(values)} elements, but its shape is {list(shape)}"
        )
    return tuple(
        settings.decode(picture_bytes(one, settings.fetch, f"{where}, element {number}"))
        for number, one in enumerate(values)
    )


def _seldon_images(document: Mapping[str, object], settings: PictureSettings) -> tuple[Image, ...]:
    for name in ("binData", "strData"):
        if name in document:
            return (settings.decode(picture_bytes(document[name], settings.fetch, f"{name!r}")),)
    if "jsonData" in document:
        inner = as_object(document["jsonData"], "'jsonData'")
        name, value = find_picture(inner, settings.image_field)
        return (settings.decode(picture_bytes(value, settings.fetch, f"field {name!r}")),)
    data = as_object(document.get("data"), "'data'")
    if "ndarray" in data:
        return _rows(as_list(data["ndarray"], "'ndarray'"), settings)
    where = "'tensor'"
    tensor = as_object(data.get("tensor"), where)
    shape = check_shape(tensor.get("shape"), settings.tensor, where)
    array = shaped(number_array(tensor.get("values"), None, where), shape, where)
    return to_images(array, settings.tensor, where)


def _rows(rows: list[object], settings: PictureSettings) -> tuple[Image, ...]:
    if isinstance(rows[0], str):
        _refuse_many(len(rows), settings.tensor)
        return tuple(
            settings.decode(picture_bytes(row, settings.fetch, f"row {number}"))
            for number, row in enumerate(rows)
        )
    array = number_array(rows, None, "'ndarray'")
    return to_images(array, settings.tensor, "'ndarray'")
