"""The markers of a JPEG: its size, how many scans it has, and whether they hold the whole picture."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import EventDecodeError

END = b"\xff\xd9"
FILL = b"\xff"
"""May stand before a marker any number of times; at the very end, half a marker."""

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_JFIF = 0xE0
_JFIF_HEAD = re.compile(rb"JFIF\0.{9}", re.DOTALL)
_PLAIN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_PLAIN = _PLAIN_FRAMES | {0xC4, 0xDB, 0xDD, 0xFE, _JFIF, _START_OF_SCAN}
"""Frames in Huffman codes, tables, restart interval, comment, JFIF's header, scans."""

_EIGHT_BITS, _PLAIN_COLOURS = b"\x08", (b"\x01", b"\x03")
_COEFFICIENTS = 64
_MAX_SCANS = 100
"""Encoders write about ten; a small file with thousands of scans would take minutes."""

_MAX_SEGMENTS = 20_000


@dataclass(slots=True)
class JpegLayout:
    """What the markers of the first picture in a JPEG say; what lies behind its end is not read.

    Attributes:
        n_scans: passes over the picture.
        has_end: it has the end marker.
        missing: component to the coefficients that no scan has given in full precision.
        size: width and height in pixels, of the last frame.
        n_frames: headers of frames; a sound file has one.
        is_plain: grey or of three colours, in eight bits, with nothing else in the file that could
            change what its pixels mean: no EXIF, no colour transform or profile of an application.
    """

    n_scans: int = 0
    has_end: bool = False
    missing: dict[int, set[int]] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    n_frames: int = 0
    is_plain: bool = True

    @property
    def has_every_scan(self) -> bool:
        """Whether each coefficient of each component is in a scan; the last may be cut short."""
        return bool(self.missing) and not any(self.missing.values())


def read_layout(value: bytes) -> JpegLayout:
    """Return the layout of the JPEG that *value* begins with.

    Raises:
        EventDecodeError: it has too many scans or segments to be decoded in bounded time.
    """
    layout = JpegLayout()
    is_progressive = False
    at = 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(value, at)
        if found is None:
            return layout
        marker, at = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            layout.has_end = True
            return layout
        if marker in (_START_OF_IMAGE, _TEMPORARY):
            layout.is_plain = False
            continue
        end = at + int.from_bytes(value[at : at + 2], "big")
        body = value[at + 2 : end]
        layout.is_plain &= _is_plain(marker, body)
        if marker in _FRAMES:
            is_progressive = marker in _PROGRESSIVE
            _take_frame(layout, body)
        elif marker == _START_OF_SCAN:
            _count_scan(layout, body, is_progressive=is_progressive)
        at = max(at, end)
    raise EventDecodeError(
        f"the JPEG has too many segments: wanted at most {_MAX_SEGMENTS}; look at the sender"
    )


def _is_plain(marker: int, body: bytes) -> bool:
    if marker in _PLAIN_FRAMES:
        return body[:1] == _EIGHT_BITS and body[5:6] in _PLAIN_COLOURS
    return marker in _PLAIN and (marker != _JFIF or _JFIF_HEAD.match(body) is not None)


def _take_frame(layout: JpegLayout, body: bytes) -> None:
    layout.missing = {name: set(range(_COEFFICIENTS)) for name in body[6::3]}
    layout.size = (int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
    layout.n_frames += 1


def _count_scan(layout: JpegLayout, body: bytes, *, is_progressive: bool) -> None:
    layout.n_scans += 1
    if layout.n_scans > _MAX_SCANS:
        raise EventDecodeError(
            f"the JPEG has too many scans: wanted at most {_MAX_SCANS}; each is a pass over the "
            "whole picture"
        )
    n_components = body[0] if body else 0
    names = body[1 : 1 + 2 * n_components : 2]
    spectrum = body[1 + 2 * n_components :]
    if len(spectrum) < 3:  # noqa: PLR2004 - first and last coefficient, precision
        return
    given = set(range(spectrum[0], spectrum[1] + 1)) if is_progressive else range(_COEFFICIENTS)
    if is_progressive and spectrum[2] & 15:  # the low bits follow in a later scan
        return
    for name in names:
        layout.missing.get(name, set()).difference_update(given)
