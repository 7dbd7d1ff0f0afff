"""Reference images from a folder: a sub-folder a segment, files in the order of time."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import EventError, SettingsError
from ..events.decode import DecodePorts, DecodeSettings
from ..events.image import refuse_extreme_aspect
from ..events.picture_reader import PictureReader
from ..log import action
from ..terminal.natural_order import natural_key
from ..untrusted.text import label_text, shown
from .example import Example
from .file_order import FileOrder, times_of

log = logging.getLogger(__name__)

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif"})


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file, and the segment that its folder names.

    Attributes:
        number: place within its segment.
        taken_at: when it was taken, None if the order of files gives no time.
    """

    path: Path
    segments: tuple[str, ...]
    number: int
    taken_at: datetime | None = None


def list_images(
    folder: Path, *, header: str | None, order: FileOrder = FileOrder.NAME
) -> list[ImageFile]:
    """Return the images below *folder*, so that all sub-folders advance together.

    Args:
        folder: images, or sub-folders of images.
        header: segment header that a sub-folder's name is a value of; None has no segments.
        order: what says which file is earlier.

    Raises:
        SettingsError: no folder there, no image in it, one whose place in time is not known, or a
            sub-folder whose name cannot be kept as a segment.
    """
    if not folder.is_dir():
        raise SettingsError(f"the folder {folder} does not exist")
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
    if not paths:
        wanted = ", ".join(sorted(SUFFIXES))
        raise SettingsError(f"found no image in {folder}; looked for {wanted}")
    paths.sort(key=lambda path: natural_key(path.relative_to(folder).as_posix()))
    timed = list(zip(times_of(paths, order), paths, strict=True))
    if order is not FileOrder.NAME:
        timed.sort(key=lambda pair: pair[0] or datetime.min.replace(tzinfo=UTC))
    counts: Counter[str] = Counter()
    files = []
    for taken_at, path in timed:
        name = path.relative_to(folder).parts[0] if path.parent != folder else ""
        segments = (f"{header}={_value(name)}",) if header and name else ()
        files.append(ImageFile(path, segments, counts[name], taken_at))
        counts[name] += 1
    return sorted(files, key=lambda file: file.number)


def other_files(folder: Path) -> list[Path]:
    """Return the files below *folder* that `list_images` leaves out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if path.suffix.lower() not in SUFFIXES)


def _value(name: str) -> str:
    """Return a folder's name as the value of a segment, by the rule that headers follow."""
    try:
        return label_text(name, f"the folder's name {shown(name)}") or name
    except EventError as error:
        raise SettingsError(
            str(error),
            hint="rename the folder: a camera's is named as the camera is in the messages' headers",
        ) from error


def read_images(
    files: list[ImageFile], decode: DecodeSettings, ports: DecodePorts | None = None
) -> Iterator[Example]:
    """Yield decoded images; one that cannot be decoded is left out with a warning.

    Args:
        decode: what a picture may be, as for the events of the stream.
    """
    pictures = PictureReader.of(decode, ports or DecodePorts())
    for file in files:
        try:
            image = pictures.decode(file.path.read_bytes())
            refuse_extreme_aspect(image, max_aspect=decode.max_image_aspect)
        except EventError as error:
            log.warning("skipping %s: %s", file.path, error, extra=action("reference_left_out"))
            continue
        key = _key(file.path, decode)
        yield Example(image, file.segments, file.taken_at, file.number, key=key)


def _key(path: Path, decode: DecodeSettings) -> str:
    stat = path.stat()
    return f"{path.absolute()}:{stat.st_size}:{stat.st_mtime_ns}:{decode.pixel_meaning}"
