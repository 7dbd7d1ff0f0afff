"""An alert as a picture: its most unusual frames next to typical ones, above a chart of the rate over time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_TILE = 160
_GAP = 8
_CAPTION = 18
_LINE_HEIGHT = 72
_BACKGROUND, _INK, _FAINT, _ALARM = "#ffffff", "#1f2933", "#cbd2d9", "#c81e1e"


@dataclass(frozen=True, slots=True)
class TimeLine:
    """A segment's OOD rate, window by window.

    Attributes:
        rates: 0 to 1, in the order of time.
        changed: the index of the first window since the change.
        normal: the segment's own normal rate.
    """

    rates: Sequence[float]
    changed: int
    normal: float


def draw_alert(
    unusual: Sequence[bytes], typical: Sequence[bytes], time_line: TimeLine
) -> bytes | None:
    """Return a PNG for chat and mail, None where there is no frame to show.

    Args:
        unusual: thumbnails, JPEG, the most unusual first.
        typical: thumbnails of the same segment before the change; may be empty.
    """
    rows = [(caption, row) for caption, row in _rows(unusual, typical) if row]
    if not unusual:
        return None
    columns = max(len(row) for _, row in rows)
    width = columns * (_TILE + _GAP) + _GAP
    height = len(rows) * (_CAPTION + _TILE + _GAP) + _CAPTION + _LINE_HEIGHT + 2 * _GAP
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    top = _GAP // 2
    for caption, row in rows:
        top = _draw_row(sheet, caption, row, top)
    _draw_time_line(sheet, time_line, top)
    sink = io.BytesIO()
    sheet.save(sink, "PNG", optimize=True)
    return sink.getvalue()


def _rows(unusual: Sequence[bytes], typical: Sequence[bytes]) -> list[tuple[str, Sequence[bytes]]]:
    return [("Most unusual since the change", unusual), ("Typical before it", typical)]


def _draw_row(sheet: Image.Image, caption: str, row: Sequence[bytes], top: int) -> int:
    ImageDraw.Draw(sheet).text((_GAP, top), caption, fill=_INK, font=_font())
    top += _CAPTION
    for number, thumbnail in enumerate(row):
        with Image.open(io.BytesIO(thumbnail)) as opened:
            tile = opened.convert("RGB")
        scale = _TILE / max(tile.size)
        tile = tile.resize([max(1, round(side * scale)) for side in tile.size])
        left = _GAP + number * (_TILE + _GAP)
        sheet.paste(tile, (left + (_TILE - tile.width) // 2, top + (_TILE - tile.height) // 2))
    return top + _TILE + _GAP


def _draw_time_line(sheet: Image.Image, line: TimeLine, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    highest = max([*line.rates, line.normal, 0.01])
    draw.text(
        (_GAP, top), f"Images out of distribution, 0 to {100 * highest:.0f} %", fill=_INK,
        font=_font(),
    )  # fmt: skip
    top += _CAPTION
    bottom, width = top + _LINE_HEIGHT, sheet.width - 2 * _GAP
    step = width / max(len(line.rates), 1)
    for number, rate in enumerate(line.rates):
        left = _GAP + number * step
        colour = _ALARM if number >= line.changed else _FAINT
        height = _LINE_HEIGHT * rate / highest
        draw.rectangle((left, bottom - height, left + max(step - 1, 1), bottom), fill=colour)
    normal = bottom - _LINE_HEIGHT * line.normal / highest
    draw.line((_GAP, normal, _GAP + width, normal), fill=_INK)
    draw.line((_GAP, bottom, _GAP + width, bottom), fill=_INK)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)
