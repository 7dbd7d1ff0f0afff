"""One reader a format: a message in, what was in it out."""

from __future__ import annotations

from dataclasses import replace

from ..untrusted.base64_text import decode_base64
from ..untrusted.document import as_object, field_at, parse_document
from ..untrusted.text import MAX_ID_CHARACTERS, MAX_SEGMENT_CHARACTERS, parse_time, scalar_text
from . import cloudevent, structured
from .decode_settings import DecodeSettings
from .event import NO_IMAGE
from .formats import format_of
from .inference import answer_classes, inference_kind, is_answer, request_images
from .payload import Message, Payload
from .picture_field import find_picture, picture_bytes
from .tap_vectors import CONTENT_TYPE, decode_taps
from .v2_binary import LENGTH_HEADER, split_value

_MAX_ADDRESS_CHARACTERS = 2048


def read_parts(message: Message, settings: DecodeSettings) -> list[tuple[Message, Payload]]:
    """Return what is in *message*, told by its format: its parts, with the headers of each.

    Raises:
        EventError: it cannot be read.
    """
    if cloudevent.content_type(message.headers) == CONTENT_TYPE:
        return _taps(message, settings)
    return [(message, _payload(message, settings))]


def _payload(message: Message, settings: DecodeSettings) -> Payload:
    kind = format_of(message, settings.format)
    if kind == "image":
        return _image(message, settings)
    if kind == "registry":
        return _fields(settings.read_record(message.value), settings)
    length = cloudevent.header_text(message.headers, LENGTH_HEADER, max_characters=64)
    text, raw = split_value(message.value, length)
    document = parse_document(text)
    is_structured = settings.format == "auto" and "specversion" in document
    if kind == "cloudevents" or is_structured:
        return _structured(document, settings)
    return _json(document, settings, message, raw)


def _taps(message: Message, settings: DecodeSettings) -> list[tuple[Message, Payload]]:
    taps = decode_taps(message.value)
    if settings.taps_wanted is not None:
        settings.taps_wanted.check(taps)
    parts = []
    for item, texts in enumerate(taps.images):
        own = {name: text.encode("utf-8", "surrogatepass") for name, text in texts.items()}
        alone = Message(b"", {**message.headers, **own})
        part = Payload(images=(NO_IMAGE,), taps=taps.of_image(item), request_id=_request_id(alone))
        parts.append((alone, part))
    return parts


def _image(message: Message, settings: DecodeSettings) -> Payload:
    value = message.value
    address = cloudevent.header_text(
        message.headers, "ce_dataref", max_characters=_MAX_ADDRESS_CHARACTERS
    )
    if not value and address:
        value = settings.fetch(address)
    return Payload(images=(settings.pictures.decode(value),), request_id=_request_id(message))


def _structured(document: dict[str, object], settings: DecodeSettings) -> Payload:
    attributes = structured.envelope(document)
    inner = _data(document, attributes, settings)
    moment = parse_time(attributes.get("time"), "attribute 'time'")
    return replace(
        inner,
        event_id=_id(attributes["id"], "attribute 'id'"),
        event_time=moment or inner.event_time,
        attributes=attributes,
        document=document,
    )


def _data(
    document: dict[str, object], attributes: dict[str, str], settings: DecodeSettings
) -> Payload:
    inner = Message(b"", {}, attributes)
    if document.get("data_base64"):
        value = decode_base64(document["data_base64"], "'data_base64'")
        if structured.holds_json(attributes) and value[:1] == b"{":
            return _json(parse_document(value), settings, inner, b"")
        return Payload(images=(settings.pictures.decode(value),))
    data = document.get("data")
    if data is None and attributes.get("dataref"):
        data = attributes["dataref"]
    if isinstance(data, str):
        value = picture_bytes(data, settings.fetch, "'data'")
        return Payload(images=(settings.pictures.decode(value),))
    return _json(as_object(data, "'data'"), settings, inner, b"")


def _json(document: object, settings: DecodeSettings, message: Message, raw: bytes) -> Payload:
    fields = as_object(document, "the JSON")
    kind = None if settings.format == "json" else inference_kind(fields)
    if kind is None:
        return _fields(dict(fields), settings)
    event_type = message.attributes.get("type") or _text(message, "ce_type")
    version = scalar_text(
        fields.get("model_version"), "'model_version'", max_characters=MAX_SEGMENT_CHARACTERS
    )
    request_id = _request_id(message) or scalar_text(
        fields.get("id"), "'id'", max_characters=MAX_ID_CHARACTERS
    )
    classes = answer_classes(fields, kind)
    answers = is_answer(fields, kind, event_type)
    return Payload(
        images=() if answers else request_images(fields, kind, settings.pictures, raw),
        document=fields,
        request_id=request_id,
        classes=classes,
        model_version=version,
        is_answer=answers,
    )


def _fields(document: dict[str, object], settings: DecodeSettings) -> Payload:
    """Return the picture, id and time in fields of a JSON object or a record."""
    name, value = find_picture(document, settings.image_field)
    encoded = picture_bytes(value, settings.fetch, f"field {name!r}")
    moment, named = settings.time_field, settings.id_field
    return Payload(
        images=(settings.pictures.decode(encoded),),
        event_id=_id(field_at(document, named), f"field {named!r}") if named else None,
        event_time=parse_time(field_at(document, moment), f"field {moment!r}") if moment else None,
        document=document,
    )


def _id(value: object, where: str) -> str | None:
    return scalar_text(value, where, max_characters=MAX_ID_CHARACTERS)


def _text(message: Message, header: str) -> str:
    found = cloudevent.header_text(message.headers, header, max_characters=MAX_ID_CHARACTERS)
    return found or ""


def _request_id(message: Message) -> str | None:
    """Seldon's logger has an id for the message and one for the request, KServe's one for both."""
    attributes = message.attributes
    return (
        _text(message, "ce_requestid")
        or attributes.get("requestid")
        or _text(message, "ce_id")
        or attributes.get("id")
        or None
    )
