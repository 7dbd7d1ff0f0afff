"""The scenes that the demonstration's cameras look at: photographs that ship inside wheels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageOps

from ...extras import install_command
from ..errors import SettingsError

FRAME_PIXELS = 224
"""Side of a frame."""

MARGIN_PIXELS = 20
"""How much more of the scene is kept on each side, for the camera to pan over."""

_PHOTOGRAPHS = {
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}
CAMERAS = ("motorcycle", "coffee", "chelsea", "astronaut", "china")
NEVER_SEEN = "rocket"
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
_MAX_PICTURES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A camera and what it looks at.

    Attributes:
        name: the value of the ``camera`` header.
        pictures: RGB, scaled once so that a frame is cut from each without much work; frame i
            shows picture ``i % len(pictures)``.
        unseen: a picture that the camera never showed before its last fault.
    """

    name: str
    pictures: Sequence[Image.Image]
    unseen: Image.Image


def photograph_cameras() -> tuple[Camera, ...]:
    """Return five cameras, each watching one photograph from the wheels of the demo extra.

    Raises:
        SettingsError: the demo extra is not installed.
    """
    unseen = _scaled(_photograph(NEVER_SEEN))
    return tuple(Camera(name, (_scaled(_photograph(name)),), unseen) for name in CAMERAS)


def folder_cameras(folder: Path) -> tuple[Camera, ...]:
    """Return a camera for each sub-folder of *folder*, showing its images in turn.

    Raises:
        SettingsError: no sub-folder holds an image.
    """
    found = {
        child.name: sorted(path for path in child.iterdir() if path.suffix.lower() in _SUFFIXES)
        for child in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if child.is_dir()
    }
    unseen = _scaled(_photograph(NEVER_SEEN))
    cameras = tuple(
        Camera(name, tuple(_scaled(path) for path in paths[:_MAX_PICTURES]), unseen)
        for name, paths in found.items()
        if paths
    )
    if not cameras:
        raise SettingsError(
            f"{folder} has no sub-folder with images; make one sub-folder per camera, with images "
            f"({', '.join(sorted(_SUFFIXES))}) in each"
        )
    return cameras


def _photograph(name: str) -> Path:
    """Return the photograph's path without importing the package that brings it."""
    package, inside = _PHOTOGRAPHS[name]
    spec = find_spec(package)
    path = Path((spec.submodule_search_locations or [""])[0]) / inside if spec else None
    if path is None or not path.is_file():
        raise SettingsError(
            f"the photograph {name!r} is not installed",
            hint=install_command("demo"),
        )
    return path


def _scaled(path: Path) -> Image.Image:
    """Return the middle square of a photograph, a frame and its margins wide."""
    side = FRAME_PIXELS + 2 * MARGIN_PIXELS
    try:
        with Image.open(path) as image:
            return ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
    except OSError as error:
        raise SettingsError(f"cannot read the image {path}: {error}") from error
