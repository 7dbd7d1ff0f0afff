"""The table of formats: the first that recognises a message reads it."""

from __future__ import annotations

from collections.abc import Sequence

from .format import Format
from .format_setting import FormatSetting
from .message import Message
from .readers.cloudevents_binary import CLOUDEVENTS_BINARY
from .readers.cloudevents_structured import CLOUDEVENTS_STRUCTURED
from .readers.json_fields import JSON_FIELDS
from .readers.known_unread import KNOWN_UNREAD
from .readers.kserve_v1 import KSERVE_V1
from .readers.kserve_v2 import KSERVE_V2
from .readers.raw_picture import RAW_PICTURE
from .readers.registry_record import DECLARED_RECORD, FRAMED_RECORD
from .readers.seldon import SELDON
from .readers.sent_taps import SENT_TAPS

FORMATS: tuple[Format, ...] = (
    SENT_TAPS,
    CLOUDEVENTS_BINARY,
    DECLARED_RECORD,
    RAW_PICTURE,  # a file is what its first bytes say, whatever its content type does
    KNOWN_UNREAD,
    CLOUDEVENTS_STRUCTURED,
    FRAMED_RECORD,
    KSERVE_V1,
    KSERVE_V2,
    SELDON,
    JSON_FIELDS,
)
"""From the most to the least specific."""


def format_of(message: Message, setting: FormatSetting) -> Format:
    """Return the format that *message* is in, or that *setting* says it is in.

    A message without any sign is taken for a picture, so that the error names what its first bytes
    are.
    """
    if setting == "auto":
        return _first(FORMATS, message) or RAW_PICTURE
    tried = [one for one in FORMATS if setting in one.settings]
    return _first(tried, message) or tried[-1]


def format_inside(message: Message) -> Format:
    """Return the format of what lies in an envelope, which is not an envelope again."""
    inside = [one for one in FORMATS if not one.is_envelope]
    return _first(inside, message) or RAW_PICTURE


def _first(formats: Sequence[Format], message: Message) -> Format | None:
    return next((one for one in formats if one.recognises(message)), None)
