"""The markers of a JPEG: how many scans it has, and whether they hold the whole picture."""

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
    """

    n_scans: int = 0
    has_end: bool = False
    missing: dict[int, set[int]] = field(default_factory=dict)

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
            continue
        end = at + int.from_bytes(value[at : at + 2], "big")
        body = value[at + 2 : end]
        if marker in _FRAMES:
            is_progressive = marker in _PROGRESSIVE
            layout.missing = {name: set(range(_COEFFICIENTS)) for name in body[6::3]}
        elif marker == _START_OF_SCAN:
            _count_scan(layout, body, is_progressive=is_progressive)
        at = max(at, end)
    raise EventDecodeError(
        f"the JPEG has too many segments: wanted at most {_MAX_SEGMENTS}; look at the sender"
    )


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
