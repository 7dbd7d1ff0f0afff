"""Encoded bytes to an opened Pillow image, with none of Pillow's limits of its own.

Pillow's own door, ``Image.open``, bounds all pictures of the process by one global number, and so
would overrule ``batch.max_image_pixels``. Here each kind is opened by its own class.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from PIL import AvifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin, features

from ...extras import install_command
from ..errors import EventUnsupported
from .first_bytes import AVIF, HEIC, JPEG, PNG, FileKind


def open_picture(kind: FileKind, value: bytes) -> Image.Image:
    """Return the picture, its header read and its pixels not yet; the first frame of several.

    Raises:
        EventUnsupported: what reads this kind is not installed.
        Exception: as Pillow raises for bytes that are not what they claim.
    """
    source = io.BytesIO(value)
    if kind is JPEG:  # by Pillow's own door a JPEG with others behind it would be another class
        return JpegImagePlugin.JpegImageFile(source)
    if kind is PNG:
        return PngImagePlugin.PngImageFile(source)
    if kind is HEIC:
        heif: Image.Image = heif_class()(source)
        return heif
    if kind is AVIF:
        _need_avif()
        return AvifImagePlugin.AvifImageFile(source)
    return WebPImagePlugin.WebPImageFile(source)


@cache
def heif_class() -> Any:
    """Return the class of Pillow's plugin for HEIC.

    Raises:
        EventUnsupported: no such plugin is installed.
    """
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError:
        try:
            from pi_heif.as_plugin import HeifImageFile
        except ImportError as error:
            raise EventUnsupported(
                "the picture is HEIC, and the package that reads it is not installed here: "
                f"{install_command('heif')}, or send JPEG"
            ) from error
    return HeifImageFile


def _need_avif() -> None:
    if not features.check("avif"):
        raise EventUnsupported(
            "the picture is AVIF, which the installed Pillow cannot read: "
            "pip install 'pillow>=11.3', or send JPEG"
        )
