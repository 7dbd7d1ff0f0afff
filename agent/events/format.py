"""What a format is: how a message in it is recognised, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .decode_ports import DecodePorts
from .decode_settings import DecodeSettings
from .format_setting import FormatSetting
from .message import Message
from .payload import Payload
from .picture_reader import PictureReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a reader may use.

    Attributes:
        pictures: makes pictures of what fields hold.
        read_inside: reads what lies in an envelope, by the same table.
    """

    settings: DecodeSettings
    ports: DecodePorts
    pictures: PictureReader
    read_inside: Callable[[Message], tuple[Payload, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format of messages.

    Attributes:
        name: as docs/events.md calls it.
        settings: the values of ``events.format`` beside ``auto`` under which it is tried.
        recognises: whether a message has this format, by content type, first bytes or fields.
        read: gives what is in such a message; raises EventError.
        is_envelope: holds a message of another format, so it is not looked for inside one.
    """

    name: str
    recognises: Callable[[Message], bool]
    read: Callable[[Message, Tools], tuple[Payload, ...]]
    settings: frozenset[FormatSetting] = frozenset()
    is_envelope: bool = False
