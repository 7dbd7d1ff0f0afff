"""What is stored of segments for one detector: what is normal in each, and the tests' evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

BaselineSource = Literal["fit", "learnt", "accepted", "shadow"]

WHOLE_SEGMENT = "*"
"""`SegmentStateRow.test` of what belongs to no single test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentBaseline:
    """What is normal in one segment, as it was measured once.

    Attributes:
        source: where its reference windows come from: ``fit`` (the detector's reference),
            ``learnt`` (the segment's first traffic), ``accepted`` (a person called a change normal),
            ``shadow`` (traffic while another detector was active).
        made_by: who: ``monitor``, or a person.
        made_at: by the database's clock; None before it is stored.
        events: of the reference.
        effective_events: how many independent events these count as.
        windows: of the reference.
        begins: event time of the first of them; None where not known.
        until: event time at which the last ends; None where not known.
        tests: names of the tests that it is large enough for.
        components: states that are kept apart, each of them normal.
        grown: windows of these that quiet traffic brought.
        grown_until: event time at which the last of them ends; None where there is none.
        anchor_shift: how far what has grown lies from the rest, as a shift of the mean of -log p, in the
            column where it is largest; None where nothing has grown.
        measured: what the tests measured (`agent.drift.packing`).
        reference: the windows' counts, packed alike; empty where they were not read.
        revision: grows when the baseline is replaced; evidence belongs to one revision.
        power: how evidence climbs while all or a tenth of the images are unusual, packed
            (`agent.drift.power`); None until it is measured.
    """

    segment: str
    source: BaselineSource
    made_by: str
    made_at: datetime | None = None
    events: int
    effective_events: float
    windows: int
    begins: datetime | None = None
    until: datetime | None = None
    tests: tuple[str, ...]
    components: int = 1
    grown: int = 0
    grown_until: datetime | None = None
    anchor_shift: float | None = None
    measured: bytes
    reference: bytes = b""
    revision: int = 0
    power: bytes | None = None


@dataclass(frozen=True, slots=True)
class SegmentStateRow:
    """The evidence of one test in one segment, or with test ``*``, what belongs to no single one.

    Attributes:
        content: packed evidence; JSON where the test is ``*``.
        baseline_revision: of the baseline that the evidence is against; 0 where there is none.
        nearness: of the last window judged, evidence against what an alert takes, 0 to 1, both as
            logarithms; None where nothing was judged, and in the rows of single tests.
    """

    segment: str
    test: str
    content: bytes
    baseline_revision: int = 0
    nearness: float | None = None
