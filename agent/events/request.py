"""What all inference loggers' messages share: ids, predictions, bounds on their pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import EventDecodeError
from ..untrusted.text import MAX_ID_CHARACTERS, MAX_SEGMENT_CHARACTERS, scalar_text
from .message import Message
from .payload import Image, Payload
from .tensor import TensorSettings


def request_id(message: Message) -> str | None:
    """Return the id that a request and its prediction share, None when there is none.

    Seldon's logger has an id for the message and one for the request, KServe's one for both.
    """
    return message.cloudevent_text("requestid") or message.cloudevent_text("id")


def inference_payload(
    message: Message,
    *,
    classes: tuple[str | None, ...],
    images: Callable[[], tuple[Image, ...]] | None,
    tensor: TensorSettings,
) -> Payload:
    """Return what is in a message of an inference logger.

    Args:
        images: makes the request's pictures; None where the message is a prediction only.

    Raises:
        EventError: a picture cannot be read, or there are too many: all or none count.
    """
    document = message.document
    return Payload(
        images=() if images is None else within_bounds(images(), tensor),
        document=document,
        request_id=request_id(message) or _text(document, "id", MAX_ID_CHARACTERS),
        classes=classes,
        model_version=_text(document, "model_version", MAX_SEGMENT_CHARACTERS),
        is_prediction=images is None,
    )


def within_bounds(images: tuple[Image, ...], tensor: TensorSettings) -> tuple[Image, ...]:
    """Return *images* when a message may have so many, of so many pixels in all.

    Raises:
        EventDecodeError: they are too many, or too large together.
    """
    n_pixels = sum(image.shape[0] * image.shape[1] for image in images)
    if len(images) > tensor.max_images or n_pixels > tensor.max_pixels:
        raise EventDecodeError(
            f"the request has too much: got {len(images)} pictures of {n_pixels} pixels in all, "
            f"wanted at most {tensor.max_images} of {tensor.max_pixels}; raise "
            "events.max_images_per_message or batch.max_image_pixels if such are meant"
        )
    return images


def refuse_many(n: int, tensor: TensorSettings) -> None:
    """Refuse a request by the number of its pictures, before any is decoded.

    Raises:
        EventDecodeError: there are too many.
    """
    if n > tensor.max_images:
        raise EventDecodeError(
            f"the request has too many pictures: got {n}, wanted at most {tensor.max_images}; "
            "raise events.max_images_per_message if such are meant"
        )


def _text(document: Mapping[str, object], name: str, max_characters: int) -> str | None:
    return scalar_text(document.get(name), repr(name), max_characters=max_characters)
