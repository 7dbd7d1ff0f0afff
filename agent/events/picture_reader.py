"""Makes pictures of what messages have for them: bytes, base64, addresses, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .decode_ports import DecodePorts
from .decode_settings import DecodeSettings
from .image import ImageSettings, decode_image
from .payload import Image
from .picture_field import Fetch, find_picture, picture_bytes
from .tensor import TensorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureReader:
    """Makes pictures of what messages have for them.

    Attributes:
        image_field: where JSON and records have the picture, as a dotted path; empty looks for it.
    """

    tensor: TensorSettings
    fetch: Fetch
    image_field: str = ""

    @classmethod
    def of(cls, settings: DecodeSettings, ports: DecodePorts) -> PictureReader:
        """Return the reader for a stream's pictures."""
        image = ImageSettings(
            max_pixels=settings.max_image_pixels,
            exif_orientation=settings.exif_orientation,
            bit_depth=settings.bit_depth,
            sight=ports.sight,
        )
        tensor = TensorSettings(
            image=image,
            layout=settings.tensor_layout,
            value_range=settings.tensor_range,
            max_images=settings.max_images_per_message,
        )
        return cls(tensor=tensor, fetch=ports.fetch, image_field=settings.image_field)

    def decode(self, value: bytes) -> Image:
        """Return the picture in encoded bytes."""
        return decode_image(value, self.tensor.image)

    def of_value(self, value: object, where: str) -> Image:
        """Return the picture that a field's value holds or points to."""
        return self.decode(picture_bytes(value, self.fetch, where))

    def of_fields(self, document: Mapping[str, object]) -> Image:
        """Return the picture in one of an object's fields."""
        name, value = find_picture(document, self.image_field)
        return self.of_value(value, f"field {name!r}")
