"""One column of a strip of p-values read out in words, from the stream's own figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from .page import short_percent


@dataclass(frozen=True, slots=True)
class StripColumn:
    """The column that is read out.

    Attributes:
        span: what a column is, such as ``window of 16 s``.
        alpha: an image counts as out of distribution when its p-value is at most this.
        normal: the segment's own rate; None if unknown.
    """

    segment: str
    span: str
    start: datetime
    events: int
    ood_events: int
    alpha: float
    normal: float | None


def in_words(column: StripColumn) -> str:
    """Return what *column* says.

    Example:
        >>> from datetime import UTC, datetime
        >>> at = datetime(2026, 1, 31, 12, 3, 12, tzinfo=UTC)
        >>> print(in_words(StripColumn("camera=3", "window of 16 s", at, 32, 13, 0.01, 0.008)))
        For example: in the window of 16 s from 2026-01-31 12:03:12 UTC, 32 images of camera=3 were \
scored, and 13 of them (41 %) had p at most 0.01, so they lie at the top. While nothing is wrong, \
0.8 % do.
    """
    name = "all segments together" if column.segment == "*" else column.segment
    usual = column.alpha if column.normal is None else column.normal
    images = "1 image" if column.events == 1 else f"{column.events:,} images"
    was = "was" if column.events == 1 else "were"
    lie = "it lies" if column.ood_events == 1 else "they lie"
    where = f", so {lie} at the top" if column.ood_events else ""
    return (
        f"For example: in the {column.span} from {column.start:%Y-%m-%d %H:%M:%S} UTC, {images} "
        f"of {name} {was} scored, and {column.ood_events:,} of them "
        f"({short_percent(column.ood_events / max(column.events, 1))}) had p at most "
        f"{column.alpha:g}{where}. While nothing is wrong, {short_percent(usual)} do."
    )


def most_telling(columns: Mapping[str, Sequence[StripColumn]]) -> StripColumn | None:
    """Return the column with the most images out of distribution, of one segment if possible."""
    found = [column for name, row in columns.items() if name != "*" for column in row]
    found = found or [column for row in columns.values() for column in row]
    return max(found, key=lambda column: column.ood_events, default=None)
