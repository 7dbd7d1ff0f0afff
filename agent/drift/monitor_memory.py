"""What the monitor knows between turns: read from the database, and read again when another agent judged."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from driftgauge.storage import (
    WHOLE_SEGMENT,
    Claim,
    MonitorState,
    SegmentBaseline,
    SegmentStateRow,
)

from ..log import action
from .baseline import Baseline, learn_baseline
from .design_effect import Counts
from .growing import Growing
from .learning import Learning, ReadWindows
from .monitor_settings import MonitorSettings
from .segment_states import KeptState, SegmentStates
from .stored_baseline import from_stored, stored_windows, to_stored

log = logging.getLogger(__name__)


class SegmentStore(Protocol):
    """The database, as far as segments' baselines and evidence need it."""

    def baseline_revisions(self, stream: str, detector: str) -> dict[str, int]:
        """Return the revision of each segment's baseline."""

    def baselines(
        self,
        stream: str,
        detector: str,
        *,
        with_reference: bool = False,
        segment: str | None = None,
    ) -> list[SegmentBaseline]:
        """Return what is normal in each segment."""

    def write_baselines(
        self, stream: str, detector: str, baselines: Sequence[SegmentBaseline]
    ) -> None:
        """Store baselines."""

    def segment_states(self, stream: str, detector: str) -> list[SegmentStateRow]:
        """Return what is kept of each segment."""


class MonitorMemory:
    """Baselines, evidence and lessons of one stream's segments, for one detector.

    Args:
        store: the database.
        detector: version whose windows are judged.
        reference: each segment's reference windows, kept by the detector.
        settings: how to judge.
        read: reads segments' windows.
    """

    def __init__(
        self,
        store: SegmentStore,
        *,
        detector: str,
        reference: Mapping[str, Counts],
        settings: MonitorSettings,
        read: ReadWindows,
    ) -> None:
        self._store = store
        self._own = (settings.stream, detector)
        self._reference = reference
        self._settings = settings
        self._read = read
        self._revisions: dict[str, int] = {}
        self._written: dict[tuple[str, str], SegmentStateRow] = {}
        self._as_of: MonitorState | None = None
        self._is_read = False
        self.forget_all()

    def forget_all(self) -> None:
        """Read everything anew before the next turn, as after a turn that was not written."""
        self._is_read = False
        self.baselines: dict[str, Baseline] = {}
        self.states = SegmentStates(self._settings.tests)
        self.kept: dict[str, KeptState] = {}
        self._replaced: set[str] = set()
        self.learning = Learning(self._settings.learn, self._read, self._settings.tests)
        self.growing = Growing(
            self._settings,
            reference=self._reference,
            read=self._read_one,
            read_baseline=self._read_baseline,
        )

    def refresh(self, as_of: MonitorState | None) -> None:
        """Read the database unless nothing there is newer.

        Args:
            as_of: what the last turn of any agent wrote.
        """
        revisions = self._store.baseline_revisions(*self._own)
        if self._is_read and as_of == self._as_of and revisions == self._revisions:
            return
        self.forget_all()
        self._read_baselines()
        self._read_states()
        self._as_of, self._is_read = as_of, True

    def take_learnt(self, segment: str, baseline: Baseline) -> None:
        """Judge a segment by what was learnt, in place of a provisional baseline where it has one."""
        before = self.baselines.get(segment)
        self.baselines[segment] = baseline
        if before is None or before is baseline:
            return
        if segment in self.states:
            self.states.replace(segment, baseline)
        self._count_revision(segment)

    def grow(self, segment: str, start: datetime) -> None:
        """Note that a segment has a window at *start*, and let its baseline grow where it is due."""
        memory, before = self.states.memory(segment), self.baselines[segment]
        if before.is_provisional:
            return
        memory.growth, after = self.growing.advance(segment, start, memory.growth, before)
        if after is before:
            return
        self.baselines[segment] = after
        self.states.replace(segment, after)
        self._count_revision(segment)

    def rows(self) -> list[SegmentStateRow]:
        """Return the rows that a turn has changed."""
        changed = [*self._test_rows(), *self._segment_rows()]
        return [row for row in changed if self._written.get((row.segment, row.test)) != row]

    def new_baselines(self) -> list[SegmentBaseline]:
        """Return the baselines that a turn has learnt, or that have grown."""
        return list((self.learning.learnt | self.growing.grown).values())

    def let_go(self, claim: Claim) -> list[str]:
        """Return the segments that brought nothing for `MonitorSettings.forget`."""
        known = {*self.baselines, *self.kept}
        return [
            row.segment
            for row in claim.progress
            if claim.at - row.counted_at > self._settings.forget and row.segment in known
        ]

    def written(
        self, rows: Sequence[SegmentStateRow], as_of: MonitorState, forgotten: Sequence[str]
    ) -> None:
        """Note that a turn was written."""
        self._written |= {(row.segment, row.test): row for row in rows}
        self._revisions = dict.fromkeys(self.learning.learnt, 1) | self._revisions
        self._replaced.clear()
        self.states.changed.clear()
        self.learning.written()
        self.growing.grown.clear()
        self._as_of = as_of
        if forgotten:
            self.forget_all()

    def _count_revision(self, segment: str) -> None:
        """Count a baseline's revision as the database will when it writes the turn, once."""
        if segment in self._revisions and segment not in self._replaced:
            self._revisions[segment] += 1
            self._replaced.add(segment)

    def _read_one(self, segment: str, begins: datetime, until: datetime) -> Counts:
        ((_, windows),) = self._read([segment], begins, until)
        return windows

    def _read_baseline(self, segment: str) -> SegmentBaseline:
        """Return a segment's baseline with its windows, as it is stored or about to be."""
        if segment in self.learning.learnt:
            return self.learning.learnt[segment]
        (row,) = self._store.baselines(*self._own, with_reference=True, segment=segment)
        return row

    def _read_baselines(self) -> None:
        stored = self._store.baselines(*self._own)
        if not stored and self._reference:
            self._store.write_baselines(*self._own, self._fitted(self._reference))
            stored = self._store.baselines(*self._own)
        found = {row.segment: from_stored(row, self._settings.tests) for row in stored}
        if any(baseline is None for baseline in found.values()):
            self._measure_again({name for name, baseline in found.items() if baseline is None})
            stored = self._store.baselines(*self._own)
            found = {row.segment: from_stored(row, self._settings.tests) for row in stored}
        self._revisions = {row.segment: row.revision for row in stored}
        self.baselines = {name: found[name] for name in found if found[name] is not None}  # type: ignore[misc]  # just that

    def _fitted(self, reference: Mapping[str, Counts]) -> list[SegmentBaseline]:
        """Measure what the detector's reference shows."""
        tests = self._settings.tests
        measured = {name: learn_baseline(windows, tests) for name, windows in reference.items()}
        return [
            to_stored(name, baseline, tests, source="fit", made_by="fit")
            for name, baseline in measured.items()
            if baseline is not None
        ]

    def _measure_again(self, segments: set[str]) -> None:
        """Measure baselines from their windows, for other tests or in another way than before."""
        log.info(
            "the baselines of %s segments are measured again, for the tests that run now",
            len(segments),
            extra=action("baselines_measured_again", segments=len(segments)),
        )
        rows = []
        for row in self._store.baselines(*self._own, with_reference=True):
            if row.segment not in segments:
                continue
            known = stored_windows(row, self._reference, self._settings.tests)
            baseline = learn_baseline(known, self._settings.tests, is_known=True)
            if baseline is not None:
                rows.append(
                    to_stored(
                        row.segment,
                        baseline,
                        self._settings.tests,
                        source=row.source,
                        made_by=row.made_by,
                        begins=row.begins,
                        until=row.until,
                        grown_until=row.grown_until,
                        anchor_shift=row.anchor_shift,
                    )
                )
        self._store.write_baselines(*self._own, rows)

    def _read_states(self) -> None:
        rows = self._store.segment_states(*self._own)
        self._written = {(row.segment, row.test): row for row in rows}
        memories: dict[str, dict[str, Any]] = {}
        evidence: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        for row in rows:
            if row.test == WHOLE_SEGMENT:
                memories[row.segment] = json.loads(row.content) | {"nearness": row.nearness or 0.0}
            elif row.baseline_revision == self._revisions.get(row.segment):
                evidence[row.segment][row.test] = row.content
        lessons = {
            name: memory["lesson"] for name, memory in memories.items() if "lesson" in memory
        }
        self.learning.resume(lessons)
        self.baselines |= self.learning.measure_missing(self.baselines)
        self.kept = {name: KeptState(memory, evidence[name]) for name, memory in memories.items()}
        self._tell_restarted([name for name in memories if not evidence[name]])

    def _tell_restarted(self, without: Sequence[str]) -> None:
        """Say that evidence was dropped: of another version of driftgauge, or another baseline."""
        lost = [name for name in without if name in self.baselines and self.baselines[name].tests]
        if lost:
            log.warning(
                "the evidence of %s segments is of another version of driftgauge, or of a baseline "
                "that was replaced, and starts anew; alerts and learnt baselines are kept",
                len(lost),
                extra=action("evidence_restarted", segments=len(lost)),
            )

    def _test_rows(self) -> list[SegmentStateRow]:
        return [
            SegmentStateRow(name, test, packed, self._revisions.get(name, 1))
            for name in self.states.changed
            for test, packed in self.states.evidence(name).items()
        ]

    def _segment_rows(self) -> list[SegmentStateRow]:
        lessons, rows = self.learning.dump(), []
        for name in sorted({*self.states.changed, *self.learning.changed}):
            memory = self.states.memory(name).dump() if name in self.states else {}
            nearness = memory.pop("nearness", None)
            if name in lessons:
                memory["lesson"] = lessons[name]
            content = json.dumps(memory, separators=(",", ":")).encode()
            rows.append(SegmentStateRow(name, WHOLE_SEGMENT, content, nearness=nearness))
        return rows
