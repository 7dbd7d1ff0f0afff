"""How each segment stands: judged and how near to an alert, being learnt and until when, or neither."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from driftgauge.storage import LIVE_STATES, SILENCE, MonitorState, SegmentProgress, Store

from ..drift.monitor import FORMAT

SegmentPhase = Literal["alert", "silent", "judged", "learning", "untested", "waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentStanding:
    """How one segment stands.

    Attributes:
        phase: ``alert`` while one lives; ``silent`` where nothing else does than that it sends nothing; ``judged`` when it can alert; ``learning`` when it cannot
            yet; ``untested`` when its reference is too small for any test; ``waiting`` before its
            first window is judged.
        why: in words, where it cannot alert.
        learns_until: event time at which it is tried next whether enough is learnt; None where it
            does not learn, or where *learn* is not known.
        nearness: evidence of a change against what an alert takes, 0 to 1, both as logarithms; None
            where nothing is judged.
        judged_until: start of its last window judged, in its own time; None before the first.
        clock_offset_seconds: its events' time minus their records', lately; None where not known.
    """

    segment: str
    images: int
    phase: SegmentPhase
    why: str = ""
    learns_until: datetime | None = None
    nearness: float | None = None
    judged_until: datetime | None = None
    clock_offset_seconds: float | None = None


def segment_standings(
    store: Store, stream: str, *, learn: timedelta | None
) -> list[SegmentStanding]:
    """Return how each segment of *stream* stands.

    Args:
        learn: the setting monitor.learn; None where it is not known.
    """
    monitor = store.monitor_state(stream)
    kept = _kept(monitor, store, stream)
    live = store.alerts(stream, states=LIVE_STATES)
    alerted = {alert.segment for alert in live if alert.test != SILENCE}
    silent = {alert.segment: alert.since for alert in live if alert.test == SILENCE}
    active = store.active_detector(stream)
    rows = store.segment_progress(stream, active.detector) if active else []
    progress = {row.segment: row for row in rows}
    return [
        _with_progress(
            _standing(segment, images, kept, is_alerted=segment in alerted, learn=learn),
            progress.get(segment),
            silent.get(segment),
        )
        for segment, images in store.event_counts(stream).items()
    ]


def _with_progress(
    standing: SegmentStanding, row: SegmentProgress | None, silent_since: datetime | None
) -> SegmentStanding:
    if silent_since is not None:
        since = f"no image of it was counted since {silent_since:%Y-%m-%d %H:%M} UTC"
        phase: SegmentPhase = "alert" if standing.phase == "alert" else "silent"
        standing = replace(standing, phase=phase, why=since)
    if row is None:
        return standing
    return replace(
        standing, judged_until=row.judged_until, clock_offset_seconds=row.clock_offset_seconds
    )


def _kept(monitor: MonitorState | None, store: Store, stream: str) -> Mapping[str, Any]:
    """Return the monitor's memory; that of another detector counts for nothing."""
    active = store.active_detector(stream)
    kept: dict[str, Any] = json.loads(monitor.state) if monitor and monitor.state else {}
    if active is None or kept.get("detector") != active.detector:
        return {}
    return kept if kept.get("format") == FORMAT else {**kept, "segments": {}}


def _standing(
    segment: str,
    images: int,
    kept: Mapping[str, Any],
    *,
    is_alerted: bool,
    learn: timedelta | None,
) -> SegmentStanding:
    state = kept.get("segments", {}).get(segment)
    lesson = kept.get("learning", {}).get(segment)
    if lesson is not None and lesson["until"] is None and not is_alerted:
        tried = lesson.get("tried")
        return SegmentStanding(
            segment=segment,
            images=images,
            phase="learning",
            why="too few images so far, so its baseline is learnt for longer"
            if tried
            else "the detector's reference does not cover it",
            learns_until=datetime.fromisoformat(tried or lesson["begins"]) + learn
            if learn
            else None,
        )
    nearness = state["memory"]["nearness"] if state else None
    if is_alerted:
        return SegmentStanding(segment=segment, images=images, phase="alert", nearness=nearness)
    if state is None:
        why = "no window of it has been judged yet"
        return SegmentStanding(segment=segment, images=images, phase="waiting", why=why)
    if not state["evidence"]:
        why = "the effective sample size of its reference is too small for a test"
        return SegmentStanding(segment=segment, images=images, phase="untested", why=why)
    return SegmentStanding(segment=segment, images=images, phase="judged", nearness=nearness)
