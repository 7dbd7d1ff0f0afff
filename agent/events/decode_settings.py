"""What an event may be, and how to find the picture in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .format_setting import FormatSetting
from .limits import (
    MAX_IMAGE_ASPECT,
    MAX_IMAGE_PIXELS,
    MAX_IMAGES_PER_MESSAGE,
    MAX_MESSAGE_BYTES,
)
from .pixel_choices import ChannelLayout, ExifOrientation, ValueRange
from .tap_vectors import TapsWanted


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSettings:
    """What an event may be.

    Attributes:
        segment_headers: what splits the stream: names of headers or CloudEvents extensions, such
            as ``camera``; ``json:site.line``; ``predicted_class``; ``model_version``.
        max_image_pixels: pictures with more are refused by their header, before decoding.
        max_image_aspect: pictures with one side more than so many times the other are refused.
        max_message_bytes: larger messages are refused unread.
        format: ``auto`` detects it by content type and first bytes.
        image_field: where JSON and records have the picture, as a dotted path; empty looks for it.
        time_field: where JSON and records have the event time; empty is the record's time.
        id_field: where JSON and records have the event's id; empty is none.
        exif_orientation: whether pictures are turned as their EXIF says.
        bit_depth: bits that pixels of more than 8 have; None is 16 in files.
        taps_wanted: what tap vectors must be; None takes any.
    """

    segment_headers: tuple[str, ...] = ()
    max_image_pixels: int = MAX_IMAGE_PIXELS
    max_image_aspect: float = MAX_IMAGE_ASPECT
    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_images_per_message: int = MAX_IMAGES_PER_MESSAGE
    format: FormatSetting = "auto"
    image_field: str = ""
    time_field: str = ""
    id_field: str = ""
    tensor_layout: ChannelLayout = "auto"
    tensor_range: ValueRange = "auto"
    exif_orientation: ExifOrientation = "ignore"
    bit_depth: int | None = None
    taps_wanted: TapsWanted | None = field(default=None, repr=False)

    @property
    def pixel_meaning(self) -> str:
        """Name how pixels are read, so that taps of pictures that were read otherwise are not taken."""
        return f"{self.exif_orientation},{self.bit_depth},{self.tensor_layout},{self.tensor_range}"
