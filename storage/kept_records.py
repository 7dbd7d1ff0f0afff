"""What storage takes and gives back of the taps that are kept to learn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeptRun:
    """Events of one segment that are kept of one run of consecutive windows.

    Attributes:
        priority: of the run; the smallest of a segment's day are kept.
        events: kept; they add.
        unusual: of these, out of distribution when they were scored; they add.
    """

    segment: str
    run_start: datetime
    priority: int
    events: int
    unusual: int


@dataclass(frozen=True, slots=True)
class KeptShard:
    """One file of taps.

    Attributes:
        path: below the folder that the settings name.
        sha256: of the file's bytes, in hexadecimal.
        origin: names the model and the taps that it holds; see `agent.keep.origin`.
        detector: that scored its events.
        written_at: when the first of its events were kept, by the database's clock; None for now.
    """

    run_start: datetime
    path: str
    sha256: str
    bytes: int
    events: int
    origin: str
    detector: str
    written_at: datetime | None = field(default=None, compare=False)
