"""KServe's first protocol, as TensorFlow Serving has it: ``instances`` and ``predictions``."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import EventDecodeError
from ...untrusted.document import as_list, as_object, field_at
from ..format import Format, Tools
from ..message import Message
from ..payload import Image, Payload
from ..picture_field import find_picture
from ..picture_reader import PictureReader
from ..prediction_class import classes_of_rows
from ..request import inference_payload, refuse_many
from ..tensor import number_array, to_images


def _recognises(message: Message) -> bool:
    if not message.looks_like_json:
        return False
    return "instances" in message.document or "predictions" in message.document


def _read(message: Message, tools: Tools) -> tuple[Payload, ...]:
    document, pictures = message.document, tools.pictures
    predictions = document.get("predictions")
    return (
        inference_payload(
            message,
            classes=classes_of_rows(predictions) if isinstance(predictions, list) else (),
            images=(lambda: _images(document, pictures)) if "instances" in document else None,
            tensor=pictures.tensor,
        ),
    )


def _images(document: Mapping[str, object], pictures: PictureReader) -> tuple[Image, ...]:
    instances = as_list(document.get("instances"), "'instances'")
    refuse_many(len(instances), pictures.tensor)
    return tuple(_image(one, pictures, f"instance {n}") for n, one in enumerate(instances))


def _image(instance: object, pictures: PictureReader, where: str) -> Image:
    value = _value(instance, pictures.image_field, where)
    if not isinstance(value, list):
        return pictures.of_value(value, where)
    images = to_images(number_array(value, None, where), pictures.tensor, where)
    if len(images) != 1:
        raise EventDecodeError(f"{where} has {len(images)} pictures, wanted one")
    return images[0]


def _value(instance: object, image_field: str, where: str) -> object:
    if not isinstance(instance, Mapping) or "b64" in instance:
        return instance
    if image_field:
        return field_at(instance, image_field)
    if len(instance) == 1:
        return next(iter(instance.values()))
    return find_picture(as_object(instance, where), "")[1]


KSERVE_V1 = Format(
    name="KServe V1",
    settings=frozenset({"inference"}),
    recognises=_recognises,
    read=_read,
)
