"""The name under which a shadow's counts, progress and baselines are kept, apart from all that scored alone.

A shadow scores the events that the active version scores as well. Under a name of its own its counts
enter no rate and no sum, and remain to be looked at.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, insert, select

from .tables import segment_baseline

SHADOW = "shadow~"


def shadow_name(detector: str) -> str:
    """Return the name of a version's counts while it was a shadow.

    >>> shadow_name("0123456789ab")
    'shadow~0123456789ab'
    """
    return f"{SHADOW}{detector}"


def is_shadow(name: str) -> bool:
    """Return whether counts under this name are of a shadow."""
    return name.startswith(SHADOW)


def version_of(name: str) -> str:
    """Return the version whose counts are under this name.

    >>> version_of("shadow~0123456789ab"), version_of("0123456789ab")
    ('0123456789ab', '0123456789ab')
    """
    return name.removeprefix(SHADOW)


def scored_alone(column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a detector's name is none of a shadow."""
    return func.substr(column, 1, len(SHADOW)) != SHADOW


NO_SHADOW = f"substr(series.detector, 1, {len(SHADOW)}) <> '{SHADOW}'"
"""The same for views."""


def take_over_baselines(connection: Connection, stream: str, detector: str) -> int:
    """Give a version the baselines of its time as a shadow, for segments that it has none of.

    Those that it learnt then are marked as of its shadow. Returns how many there were.
    """
    table = segment_baseline.c
    known = select(table.segment).where(table.stream == stream, table.detector == detector)
    rows = connection.execute(
        select(segment_baseline).where(
            *(table.stream == stream, table.detector == shadow_name(detector)),
            table.segment.not_in(known),
        )
    ).mappings()
    taken = [
        {
            **row,
            "detector": detector,
            "source": "shadow" if row["source"] == "learnt" else row["source"],
        }
        for row in rows
    ]
    if taken:
        connection.execute(insert(segment_baseline), taken)
    return len(taken)
