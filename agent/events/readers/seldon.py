"""Seldon's first protocol: ``data`` with an array or a tensor, ``binData``, ``strData``, ``jsonData``."""

from __future__ import annotations

from collections.abc import Mapping

from ...untrusted.document import as_list, as_object, field_at
from ...untrusted.text import label_text
from ..format import Format, Tools
from ..message import Message
from ..payload import Image, Payload
from ..picture_reader import PictureReader
from ..prediction_class import classes_of_rows, rows_of
from ..request import inference_payload, refuse_many
from ..tensor import check_shape, number_array, shaped, to_images

_DATA = ("ndarray", "tensor", "tftensor")
_OTHERS = ("binData", "strData", "jsonData")
_MAX_NAMES = 100_000


def _recognises(message: Message) -> bool:
    if not message.looks_like_json:
        return False
    data = message.document.get("data")
    of_data = isinstance(data, Mapping) and any(name in data for name in _DATA)
    return of_data or any(name in message.document for name in _OTHERS)


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    """Read a request or a prediction: both have the same form, and the event's type tells them."""
    document, pictures = message.document, tools.pictures
    is_prediction = (message.cloudevent_text("type") or "").endswith("response")
    return (
        inference_payload(
            message,
            classes=_classes(document) if is_prediction else (),
            images=None if is_prediction else lambda: _images(document, pictures),
            tensor=pictures.tensor,
        ),
    )


def _classes(document: Mapping[str, object]) -> tuple[str | None, ...]:
    listed = field_at(document, "data.names")
    names = _labels(listed) if isinstance(listed, list) else []
    rows = field_at(document, "data.ndarray")
    if isinstance(rows, list):
        return classes_of_rows(rows, names)
    values = field_at(document, "data.tensor.values")
    shape = field_at(document, "data.tensor.shape")
    if isinstance(values, list) and values and isinstance(shape, list) and shape:
        return classes_of_rows(rows_of(values, shape), names)
    return ()


def _labels(listed: list[object]) -> list[str]:
    """Return the names of the classes, each of which may become a segment's value."""
    return [
        label_text(name, f"'data.names', label {number}") or str(number)
        for number, name in enumerate(listed[:_MAX_NAMES])
    ]


def _images(document: Mapping[str, object], pictures: PictureReader) -> tuple[Image, ...]:
    for name in ("binData", "strData"):
        if name in document:
            return (pictures.of_value(document[name], f"{name!r}"),)
    if "jsonData" in document:
        return (pictures.of_fields(as_object(document["jsonData"], "'jsonData'")),)
    data = as_object(document.get("data"), "'data'")
    if "ndarray" in data:
        return _of_rows(as_list(data["ndarray"], "'ndarray'"), pictures)
    where = "'tensor'"
    tensor = as_object(data.get("tensor"), where)
    shape = check_shape(tensor.get("shape"), pictures.tensor, where)
    array = shaped(number_array(tensor.get("values"), None, where), shape, where)
    return to_images(array, pictures.tensor, where)


def _of_rows(rows: list[object], pictures: PictureReader) -> tuple[Image, ...]:
    if isinstance(rows[0], str):
        refuse_many(len(rows), pictures.tensor)
        return tuple(pictures.of_value(row, f"row {number}") for number, row in enumerate(rows))
    return to_images(number_array(rows, None, "'ndarray'"), pictures.tensor, "'ndarray'")


SELDON = Format(
    name="Seldon",
    settings=frozenset({"inference"}),
    recognises=_recognises,
    read=_read,
)
