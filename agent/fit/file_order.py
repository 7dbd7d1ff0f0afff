"""The order in time of reference files: by name as people count, by EXIF, or by time of change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from ..errors import SettingsError

_EXIF_IFD = 0x8769
_TAKEN = ((0x9003, 0x9011, 0x9291), (0x9004, 0x9012, 0x9292))
"""Tags of the time when a picture was taken, else digitised: time, its zone, parts of a second."""


class FileOrder(StrEnum):
    """What says which file is earlier."""

    NAME = "name"
    EXIF = "exif"
    MTIME = "mtime"


def times_of(paths: Sequence[Path], order: FileOrder) -> list[datetime | None]:
    """Return when each picture was taken, if *order* gives a time: names do not.

    Raises:
        SettingsError: a picture has no time in its EXIF, and that is what it is ordered by.
    """
    if order is FileOrder.NAME:
        return [None] * len(paths)
    if order is FileOrder.MTIME:
        return [datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in paths]
    times = [_exif_time(path) for path in paths]
    missing = [path for path, taken_at in zip(paths, times, strict=True) if taken_at is None]
    if missing:
        raise SettingsError(
            f"{len(missing)} of {len(paths)} images have no time in their EXIF, such as "
            f"{missing[0]}; wanted DateTimeOriginal in each",
            hint="order by name or by time of change: --order name, --order mtime",
        )
    return times


def _exif_time(path: Path) -> datetime | None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            exif = picture.getexif()
            tags = dict(exif.get_ifd(_EXIF_IFD)) or dict(exif)
    except Exception:  # Pillow raises many kinds for files that are no pictures
        return None
    for time, zone, part in _TAKEN:
        if taken_at := parse_exif_time(tags.get(time), tags.get(zone), tags.get(part)):
            return taken_at
    return None


def parse_exif_time(
    text: object, zone: object = None, sub_seconds: object = None
) -> datetime | None:
    """Return the moment, UTC where no zone is told; None where the camera's clock was not set.

    Example:
        >>> parse_exif_time("2026:05:04 12:30:00", "+02:00", "25").isoformat()
        '2026-05-04T10:30:00.250000+00:00'
    """
    words = f"{text} {zone or '+00:00'}".replace("\0", "").strip()
    try:
        moment = datetime.strptime(words, "%Y:%m:%d %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    digits = str(sub_seconds or "").strip("\0 ")
    return moment + timedelta(seconds=float(f"0.{digits}")) if digits.isdecimal() else moment
