"""KServe's second protocol, as Triton has it: tensors in ``inputs`` and ``outputs``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...errors import EventSchemaError
from ...untrusted.document import as_list, as_object, field_at
from ...untrusted.text import MAX_ID_CHARACTERS, scalar_text, shown
from ..format import Format, Tools
from ..message import Message
from ..payload import Image, Payload
from ..picture_reader import PictureReader
from ..prediction_class import classes_of_rows, rows_of
from ..request import inference_payload, refuse_many
from ..tensor import check_shape, number_array, to_images
from ..v2_binary import raw_elements, raw_tensor, typed

_MAX_INPUTS = 64

_Input = Mapping[str, object]


def _recognises(message: Message) -> bool:
    if not message.looks_like_json:
        return False
    tensors = (message.document.get("inputs"), message.document.get("outputs"))
    return any(isinstance(listed, list) for listed in tensors)


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    document, pictures = message.document, tools.pictures
    return (
        inference_payload(
            message,
            classes=_classes(document),
            images=(lambda: _images(message, pictures)) if "inputs" in document else None,
            tensor=pictures.tensor,
        ),
    )


def _classes(document: Mapping[str, object]) -> tuple[str | None, ...]:
    """Return the class of each picture in a prediction: labels where there are, else scores."""
    outputs = document.get("outputs")
    found = (
        [one for one in outputs if isinstance(one, Mapping)] if isinstance(outputs, list) else []
    )
    found.sort(key=lambda output: output.get("datatype") != "BYTES")
    for output in found:
        shape, data = output.get("shape"), output.get("data")
        if isinstance(data, list) and data and isinstance(shape, list):
            return classes_of_rows(rows_of(data, shape))
    return ()


def _images(message: Message, pictures: PictureReader) -> tuple[Image, ...]:
    listed = as_list(message.document.get("inputs"), "'inputs'")
    if len(listed) > _MAX_INPUTS:
        raise EventSchemaError(
            f"the request has too many inputs: got {len(listed)}, wanted at most {_MAX_INPUTS}"
        )
    inputs = [(_name(one, number), as_object(one, "")) for number, one in enumerate(listed)]
    name, tensor, tail = _chosen(inputs, pictures.image_field, message.behind_json)
    where = f"input {shown(name)}"
    shape = check_shape(tensor.get("shape"), pictures.tensor, where)
    datatype = tensor.get("datatype")
    if datatype == "BYTES":
        elements = raw_elements(tail, where) if tail is not None else tensor.get("data")
        return _encoded(elements, shape, pictures, where)
    if tail is not None:
        array = raw_tensor(tail, datatype, shape, where)
    else:
        array = typed(number_array(tensor.get("data"), shape, where), datatype)
    return to_images(array, pictures.tensor, where)


def _name(one: object, number: int) -> str:
    name = as_object(one, "an input").get("name")
    where = f"the name of input {number}"
    return scalar_text(name, where, max_characters=MAX_ID_CHARACTERS) or f"#{number}"


def _chosen(
    inputs: Sequence[tuple[str, _Input]], wanted: str, raw: bytes
) -> tuple[str, _Input, bytes | None]:
    """Return the input with the picture, and its bytes when they follow the JSON.

    Args:
        wanted: the name to look for; empty takes the first.
    """
    start = 0
    found: list[tuple[str, _Input, bytes | None]] = []
    for name, one in inputs:
        size = field_at(one, "parameters.binary_data_size")
        if size is None:
            found.append((name, one, None))
            continue
        if not isinstance(size, int) or not 0 <= size <= len(raw) - start:
            raise EventSchemaError(
                f"an input's binary_data_size is wrong: got {shown(str(size))}, where "
                f"{len(raw) - start} bytes follow the JSON; the logger may have dropped the header "
                "inference-header-content-length"
            )
        found.append((name, one, raw[start : start + size]))
        start += size
    named = [one for one in found if one[0] == wanted] if wanted else found
    if not named:
        names = ", ".join(shown(name) for name, _ in inputs[:8])
        raise EventSchemaError(f"the request has no input {wanted!r}; it has {names}")
    return named[0]


def _encoded(
    elements: object, shape: tuple[int, ...], pictures: PictureReader, where: str
) -> tuple[Image, ...]:
    values = as_list(elements, where)
    while len(values) == 1 and isinstance(values[0], list):
        values = as_list(values[0], where)
    refuse_many(len(values), pictures.tensor)
    if len(values) != math.prod(shape):
        raise EventSchemaError(
            f"{where} has {len(values)} elements, but its shape is {list(shape)}"
        )
    return tuple(
        pictures.of_value(one, f"{where}, element {number}") for number, one in enumerate(values)
    )


KSERVE_V2 = Format(
    name="KServe V2",
    settings=frozenset({"inference"}),
    recognises=_recognises,
    read=_read,
)
