"""The most unusual images beside typical ones, on one sheet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..errors import SettingsError
from ..log import escaped

_TILE = 160
_GAP = 8
_LINE = 15
_TITLE = 24
_COLUMNS = 5
_BACKGROUND, _INK, _FAINT = "#ffffff", "#1f2933", "#52606d"
_MOST_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class Tile:
    """One image on the sheet.

    Attributes:
        lines: below it, at most three.
    """

    image: NDArray[np.uint8]
    lines: Sequence[str]


def draw_sheet(rows: Sequence[tuple[str, Sequence[Tile]]]) -> bytes:
    """Return a PNG of titled groups of tiles, five in a row; groups without tiles are left out."""
    drawn = [(title, tiles) for title, tiles in rows if tiles]
    n_lines = max((len(tile.lines) for _, tiles in drawn for tile in tiles), default=0)
    high = _TILE + n_lines * _LINE + _GAP
    heights = [_TITLE + -(-len(tiles) // _COLUMNS) * high for _, tiles in drawn]
    sheet = Image.new("RGB", (_COLUMNS * (_TILE + _GAP) + _GAP, sum(heights) + _GAP), _BACKGROUND)
    top = _GAP // 2
    for (title, tiles), height in zip(drawn, heights, strict=True):
        ImageDraw.Draw(sheet).text((_GAP, top), title, fill=_INK, font=_font(14))
        for number, tile in enumerate(tiles):
            left = _GAP + number % _COLUMNS * (_TILE + _GAP)
            _draw_tile(sheet, tile, left, top + _TITLE + number // _COLUMNS * high)
        top += height
    sink = io.BytesIO()
    sheet.save(sink, "PNG", optimize=True)
    return sink.getvalue()


def write_sheet(path: Path, rows: Sequence[tuple[str, Sequence[Tile]]]) -> None:
    """Write the sheet to *path*, which is overwritten if it exists.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        path.write_bytes(draw_sheet(rows))
    except OSError as error:
        raise SettingsError(
            f"the picture cannot be written to {path}: {error.strerror or error}",
            hint="choose another file with --picture, or free space",
        ) from error


def _draw_tile(sheet: Image.Image, tile: Tile, left: int, top: int) -> None:
    picture = Image.fromarray(tile.image)
    scale = _TILE / max(picture.size)
    picture = picture.resize([max(1, round(side * scale)) for side in picture.size])
    sheet.paste(picture, (left + (_TILE - picture.width) // 2, top + _TILE - picture.height))
    for number, line in enumerate(tile.lines):
        fill = _INK if number == 0 else _FAINT
        at = (left, top + _TILE + number * _LINE)
        ImageDraw.Draw(sheet).text(at, _short(escaped(line)), fill=fill, font=_font(11))


def _short(words: str) -> str:
    """Return the end of *words* that fits below a tile: of a path, the file's name."""
    return words if len(words) <= _MOST_CHARACTERS else f"...{words[3 - _MOST_CHARACTERS :]}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
