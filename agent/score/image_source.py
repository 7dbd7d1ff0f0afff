"""What is to be scored: the images of a folder, files, or arrays, each with a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EventDecodeError, SettingsError
from ..events.image import refuse_extreme_aspect
from ..events.picture_reader import PictureReader
from ..fit.folder import ImageFile, list_images
from ..model.pixels import as_rgb

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageSource:
    """One image that can be read.

    Attributes:
        name: the file's path, or the array's place in its batch.
        read: returns RGB pixels; raises EventError where they are no picture.
        segments: of the image, name to value.
    """

    name: str
    read: Callable[[], Image]
    segments: Mapping[str, str] = field(default_factory=dict)


def find_images(
    given: object, reader: PictureReader, *, max_aspect: float, header: str | None
) -> list[ImageSource]:
    """Return the images that *given* names or holds, in order.

    Args:
        given: what this function returned; a folder, a file, an array ``(n, height, width, 3)`` or ``(height, width, 3)``, a picture
            of Pillow's, or several files, arrays or pictures.
        reader: decodes files as the agent decodes events.
        max_aspect: files with one side more than so many times the other are refused.
        header: the segment whose value a sub-folder's name is; None has none.

    Raises:
        SettingsError: there is no such file or folder, or no image in it.
    """

    def of_file(file: ImageFile) -> ImageSource:
        def read() -> Image:
            return _decoded(file.path, reader, max_aspect)

        segments = dict(_pair(segment) for segment in file.segments)
        return ImageSource(_writable(str(file.path)), read, segments)

    if isinstance(given, str | Path) and Path(given).is_dir():
        return [of_file(file) for file in list_images(Path(given), header=header)]
    found = []
    for number, one in enumerate(_several(given)):
        if isinstance(one, ImageSource):
            found.append(one)
            continue
        if not isinstance(one, str | Path):
            found.append(ImageSource(str(number), _pixels_of(one)))
            continue
        if not Path(one).is_file():
            raise SettingsError(
                f"there is no image file {one}", hint="name one folder, or files that exist"
            )
        found.append(of_file(ImageFile(Path(one), (), number)))
    return found


def _several(given: object) -> Iterable[object]:
    if isinstance(given, str | Path) or hasattr(given, "getexif"):  # Pillow's pictures have it
        return [given]
    if isinstance(given, np.ndarray):
        return list(given) if given.ndim == 4 else [given]  # noqa: PLR2004 - (n, height, width, 3)
    if isinstance(given, Iterable):
        return given
    raise SettingsError(
        f"cannot score a {type(given).__name__}",
        hint="give a folder, files, arrays (height, width, 3) of uint8, or pictures of Pillow",
    )


def _pixels_of(one: Any) -> Callable[[], Image]:
    """Return what gives the RGB pixels of an array or of Pillow's picture."""
    if hasattr(one, "getexif"):
        return lambda: np.asarray(one.convert("RGB"))
    return lambda: as_rgb(np.asarray(one))


def _decoded(path: Path, reader: PictureReader, max_aspect: float) -> Image:
    try:
        value = path.read_bytes()
    except OSError as error:
        raise EventDecodeError(f"it cannot be read: {error.strerror or error}") from error
    image = reader.decode(value)
    refuse_extreme_aspect(image, max_aspect=max_aspect)
    return image


def _writable(name: str) -> str:
    """Return a file's name with bytes that are no text as escapes, so that any file can hold it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _pair(segment: str) -> tuple[str, str]:
    name, _, value = segment.partition("=")
    return name, value
