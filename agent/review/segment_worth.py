"""What each segment is tested against, beside how it stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from driftgauge.storage import SegmentBaseline, Store

from ..terminal.natural_order import natural_key
from .segment_power import SegmentPower
from .segment_standing import SegmentPhase, SegmentStanding, segment_standings

if TYPE_CHECKING:
    from ..drift.monitor_settings import MonitorSettings
    from ..drift.siblings import Sites

PHASES: tuple[SegmentPhase, ...] = (
    *("alert", "silent", "untested", "judged", "learning", "waiting"),
)
"""States of a segment, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentWorth:
    """One segment, with the worth of its baseline.

    Attributes:
        phase: see `SegmentStanding`.
        why: in words, where it cannot alert.
        images: counted so far.
        nearness: evidence of a change against what an alert takes, 0 to 1.
        source: where its baseline comes from; None where it has none.
        made_by: who made it.
        made_at: when, by the database's clock.
        events: images of the baseline.
        effective_events: how many independent ones these count as.
        windows: of the baseline.
        tests: that it is large enough for.
        components: states that it keeps apart.
        begins: event time of its first window; None where not known.
        until: event time at which the last ends that quiet traffic did not bring; None where not known.
        grown: windows of it that quiet traffic brought.
        grown_until: event time at which the last of these ends.
        anchor_shift: how far these lie from the rest, as a shift of the mean of -log p.
        days_outside: days in a row, until now, that lay too far from it to join.
        day_shift: how far the last day that was looked at lay.
        clock_offset_seconds: its events' time minus their records'; None where not known.
        judged_until: start of its last window judged.
        learns_until: event time at which it is tried next whether enough is learnt.
        power: how soon changes would be told; None where that is not measured or the budget not known.
        site: that it is of; None where it is of none.
        siblings: in words, whether it has an alert alone at its site, or how many others have; empty where it
            has no tested sibling.
    """

    segment: str
    phase: SegmentPhase
    why: str
    images: int
    nearness: float | None
    source: str | None = None
    made_by: str | None = None
    made_at: datetime | None = None
    events: int | None = None
    effective_events: float | None = None
    windows: int | None = None
    tests: tuple[str, ...] = ()
    components: int | None = None
    begins: datetime | None = None
    until: datetime | None = None
    grown: int | None = None
    grown_until: datetime | None = None
    anchor_shift: float | None = None
    days_outside: int = 0
    day_shift: float | None = None
    clock_offset_seconds: float | None = None
    judged_until: datetime | None = None
    learns_until: datetime | None = None
    power: SegmentPower | None = None
    site: str | None = None
    siblings: str = ""

    def fits(self, pattern: str) -> bool:
        """Return whether the segment is meant; ``*`` alone means all, and inside a name any text."""
        return pattern == self.segment or fnmatchcase(self.segment, pattern)


def segment_worths(
    store: Store, stream: str, settings: MonitorSettings | None
) -> list[SegmentWorth]:
    """Return every segment of *stream*, the worst first.

    Args:
        store: the database.
        stream: its name.
        settings: how its windows are judged; None where that is not known.
    """
    active = store.active_detector(stream)
    rows = store.baselines(stream, active.detector) if active else []
    baselines = {row.segment: row for row in rows}
    standings = segment_standings(store, stream, settings)
    found = [_worth(standing, baselines.get(standing.segment)) for standing in standings]
    if settings is not None and settings.sites:
        changed = {standing.segment for standing in standings if standing.phase == "alert"}
        found = [_at_site(row, settings.sites, baselines, changed) for row in found]
    return sorted(found, key=_badness)


def _at_site(
    row: SegmentWorth, sites: Sites, known: Collection[str], changed: Collection[str]
) -> SegmentWorth:
    from ..drift.siblings import siblings_in_words  # its package takes long to load

    words = siblings_in_words(row.segment, sites, known=known, changed=changed)
    return replace(row, site=sites.of(row.segment), siblings=words)


def _badness(row: SegmentWorth) -> tuple[object, ...]:
    return PHASES.index(row.phase), -(row.nearness or 0.0), natural_key(row.segment)


def _worth(standing: SegmentStanding, baseline: SegmentBaseline | None) -> SegmentWorth:
    return SegmentWorth(
        segment=standing.segment,
        phase=standing.phase,
        why=standing.why,
        images=standing.images,
        nearness=standing.nearness,
        source=baseline.source if baseline else None,
        made_by=baseline.made_by if baseline else None,
        made_at=baseline.made_at if baseline else None,
        events=baseline.events if baseline else None,
        effective_events=baseline.effective_events if baseline else None,
        windows=baseline.windows if baseline else None,
        tests=baseline.tests if baseline else (),
        components=baseline.components if baseline else None,
        begins=baseline.begins if baseline else None,
        until=baseline.until if baseline else None,
        grown=baseline.grown if baseline else None,
        grown_until=baseline.grown_until if baseline else None,
        anchor_shift=baseline.anchor_shift if baseline else None,
        days_outside=standing.days_outside,
        day_shift=standing.day_shift,
        clock_offset_seconds=standing.clock_offset_seconds,
        judged_until=standing.judged_until,
        learns_until=standing.learns_until,
        power=standing.power,
    )
