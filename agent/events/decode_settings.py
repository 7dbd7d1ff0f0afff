"""What an event may be, and how to find the picture in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..registry.frame import ReadRecord, no_registry
from .answers import AnswerBook
from .first_sight import FirstSight
from .formats import FormatSetting
from .image import ExifOrientation, ImageSettings
from .inference import PictureSettings
from .picture_field import Fetch, no_fetch
from .pixel_range import ValueRange
from .tap_vectors import TapsWanted
from .tensor import Layout, TensorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSettings:
    """What an event may be.

    Attributes:
        segment_headers: what splits the stream: names of headers or CloudEvents extensions, such
            as ``camera``; ``json:site.line``; ``predicted_class``; ``model_version``.
        max_image_pixels: pictures with more are refused by their header, before decoding.
        max_image_aspect: pictures with one side more than so many times the other are refused.
        max_message_bytes: larger messages are refused unread.
        format: ``auto`` tells it by content type and first bytes.
        image_field: where JSON and records have the picture, as a dotted path; empty looks for it.
        time_field: where JSON and records have the event time; empty is the record's time.
        id_field: where JSON and records have the event's id; empty is none.
        exif_orientation: whether pictures are turned as their EXIF says.
        bit_depth: bits that pixels of more than 8 have; None is 16 in files.
        fetch: gets a picture that lies elsewhere.
        read_record: reads a record in a schema registry's framing.
        answers: what the served model answered, where that is logged too.
        taps_wanted: what tap vectors must be; None takes any.
        sight: what the stream's first messages decided for all that follow.
    """

    segment_headers: tuple[str, ...] = ()
    max_image_pixels: int = 40_000_000
    max_image_aspect: float = 100.0
    max_message_bytes: int = 10 * 1024 * 1024
    max_images_per_message: int = 32
    format: FormatSetting = "auto"
    image_field: str = ""
    time_field: str = ""
    id_field: str = ""
    tensor_layout: Layout = "auto"
    tensor_range: ValueRange = "auto"
    exif_orientation: ExifOrientation = "ignore"
    bit_depth: int | None = None
    fetch: Fetch = field(default=no_fetch, repr=False)
    read_record: ReadRecord = field(default=no_registry, repr=False)
    answers: AnswerBook = field(default_factory=AnswerBook, repr=False, compare=False)
    taps_wanted: TapsWanted | None = field(default=None, repr=False)
    sight: FirstSight = field(default_factory=FirstSight, repr=False, compare=False)

    @property
    def pictures(self) -> PictureSettings:
        """What a picture may be."""
        image = ImageSettings(
            max_pixels=self.max_image_pixels,
            exif_orientation=self.exif_orientation,
            bit_depth=self.bit_depth,
            sight=self.sight,
        )
        tensor = TensorSettings(
            image=image,
            layout=self.tensor_layout,
            value_range=self.tensor_range,
            max_images=self.max_images_per_message,
        )
        return PictureSettings(tensor=tensor, fetch=self.fetch, image_field=self.image_field)
