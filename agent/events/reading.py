"""Reads a message by the table of formats."""

from __future__ import annotations

from .decode_ports import DecodePorts
from .decode_settings import DecodeSettings
from .format import Tools
from .formats import format_inside, format_of
from .message import Message
from .payload import Payload
from .picture_reader import PictureReader


def read_message(
    message: Message, settings: DecodeSettings, ports: DecodePorts
) -> tuple[Payload, ...]:
    """Return what is in *message*, at least one payload.

    Raises:
        EventError: it cannot be read.
    """
    tools = Tools(
        settings=settings,
        ports=ports,
        pictures=PictureReader.of(settings, ports),
        read_inside=lambda inner: format_inside(inner).read(inner, tools),
    )
    return format_of(message, settings.format).read(message, tools)
