"""Keeps the kept taps small and whole: the choice over all agents, age, bytes, small files, orphans."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from driftgauge.storage import Kept, KeptRun, KeptShard, RecordConflict

from ..errors import KeptTapsDamaged, KeptTapsMissing
from ..log import action
from .run_choice import excess_runs
from .shard import decode_shard, encode_shard, join_shards
from .shard_dates import kept_at, runs_begun_before
from .shard_folder import ShardFolder, shard_path

log = logging.getLogger(__name__)

ORPHAN_AFTER = timedelta(hours=1)
"""A file without a row is younger than this while the flush that writes the row may still come."""

MERGE_AFTER = timedelta(hours=1)
"""A run of which no file was written for so long is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLimits:
    """How much stays.

    Attributes:
        runs_per_day: of each segment.
        max_bytes_per_day: of all segments together.
        max_bytes: in all.
        keep: from when the first of a run was kept, by the database's clock, whatever its events are dated.
        run: length of a run.
    """

    runs_per_day: int
    max_bytes_per_day: int
    max_bytes: int
    keep: timedelta
    run: timedelta


class KeptUpkeep:
    """The upkeep of one stream's kept taps; one agent at a time does it, under a lease.

    Rows go before their files, so that a kill leaves files without rows at most, which the next turn
    deletes.
    """

    def __init__(self, kept: Kept, folder: ShardFolder, stream: str, limits: KeptLimits) -> None:
        self._kept = kept
        self._folder = folder
        self._stream = stream
        self._limits = limits

    def turn(self, now: datetime) -> None:
        """Do all of it once.

        Raises:
            KeptTapsUnavailable, StorageError: the next turn goes on from there.
        """
        shards = self._kept.shards(self._stream)
        runs = self._kept.runs(self._stream)  # after the files: a flush between both adds to each
        dropped = _keys(excess_runs(runs, runs_per_day=self._limits.runs_per_day))
        gone = runs_begun_before(shards, now - self._limits.keep) | self._without_files(
            runs, shards
        )
        dropped |= _keys(run for run in runs if run.run_start in gone)
        left = [run for run in runs if (run.segment, run.run_start) not in dropped]
        beyond = self._beyond_bytes(left, shards)
        dropped |= _keys(run for run in left if run.run_start in beyond)
        self._kept.drop_runs(self._stream, dropped)
        wanted = {run.run_start for run in left} - beyond
        self._delete([shard for shard in shards if shard.run_start not in wanted])
        for run_start in sorted(wanted):
            if run_start + self._limits.run + MERGE_AFTER < now:
                self._merge(run_start, [one for one in shards if one.run_start == run_start])
        self._sweep(now)

    def _without_files(self, runs: Iterable[KeptRun], shards: Iterable[KeptShard]) -> set[datetime]:
        """Return the runs that no file holds: their events could never be read."""
        missing = {run.run_start for run in runs} - {shard.run_start for shard in shards}
        return {start for start in missing if not self._kept.shards(self._stream, start)}

    def _beyond_bytes(self, runs: Iterable[KeptRun], shards: Iterable[KeptShard]) -> set[datetime]:
        """Return the runs that go for bytes: of each day those last in priority, then whole days."""
        sizes: defaultdict[datetime, int] = defaultdict(int)
        for shard in shards:
            sizes[shard.run_start] += shard.bytes
        priorities = {run.run_start: run.priority for run in runs}
        days: defaultdict[date, list[datetime]] = defaultdict(list)
        for start in sorted(priorities, key=lambda run: priorities[run]):
            days[start.date()].append(start)
        kept_bytes, beyond = 0, set[datetime]()
        for day in sorted(days, reverse=True):
            of_day = 0
            for place, start in enumerate(days[day]):
                of_day += sizes[start]
                is_too_much = place and of_day > self._limits.max_bytes_per_day
                if is_too_much or kept_bytes + sizes[start] > self._limits.max_bytes:
                    beyond.add(start)
                    continue
                kept_bytes += sizes[start]
        return beyond

    def _delete(self, shards: Iterable[KeptShard]) -> None:
        paths = [shard.path for shard in shards]
        self._kept.drop_shards(self._stream, paths)
        for path in paths:
            self._folder.delete(path)

    def _merge(self, run_start: datetime, shards: list[KeptShard]) -> None:
        """Make one file of a run's many, so that there is a file a run, not a flush."""
        for origin in {shard.origin for shard in shards}:
            own = [shard for shard in shards if shard.origin == origin]
            if len(own) < 2:  # noqa: PLR2004 - there is nothing to merge
                continue
            try:
                merged = self._merged(run_start, own)
                self._kept.replace_shards(self._stream, [shard.path for shard in own], merged)
            except (KeptTapsMissing, KeptTapsDamaged, RecordConflict) as error:
                log.warning(
                    "the files of kept taps of the run from %s are not merged: %s",
                    *(run_start.isoformat(), error),
                    extra=action("kept_taps_not_merged", run_start=run_start.isoformat()),
                )
                continue
            for shard in own:
                if shard.path != merged.path:
                    self._folder.delete(shard.path)

    def _merged(self, run_start: datetime, shards: list[KeptShard]) -> KeptShard:
        read = [
            decode_shard(self._folder.read(shard.path, sha256=shard.sha256)) for shard in shards
        ]
        content = encode_shard(join_shards(read))
        digest = hashlib.sha256(content).hexdigest()
        path = shard_path(self._stream, run_start, digest)
        self._folder.write(path, content)
        return KeptShard(
            run_start=run_start,
            path=path,
            sha256=digest,
            bytes=len(content),
            events=sum(shard.events for shard in shards),
            origin=shards[0].origin,
            detector=shards[-1].detector,
            written_at=min(kept_at(shard) for shard in shards),
        )

    def _sweep(self, now: datetime) -> None:
        """Delete files that no row names: a flush was killed or refused, or a file's row is gone."""
        found = list(self._folder.paths(self._stream, before=now - ORPHAN_AFTER))
        named = {shard.path for shard in self._kept.shards(self._stream)}
        for path in found:
            if path not in named:
                self._folder.delete(path)


def _keys(runs: Iterable[KeptRun]) -> set[tuple[str, datetime]]:
    return {(run.segment, run.run_start) for run in runs}
