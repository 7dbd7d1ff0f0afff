"""Kept taps in memory, in the order of time."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.storage import Kept, KeptRun

from ..errors import KeptTapsDamaged, KeptTapsMissing
from ..keep.shard import Shard, decode_shard, join_shards
from ..keep.shard_folder import ShardFolder
from ..log import action

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS = 1_000_000
ALL = "*"


@dataclass(frozen=True, slots=True)
class TapsSample:
    """Events with their taps, in the order of time.

    Attributes:
        taps: tap name to ``(n, channels)``, float32.
        times: ``(n,)``, microseconds since 1970.
        run_ids: ``(n,)``: seconds since 1970 of each event's run.
        segments: of each event, besides ``*``.
    """

    taps: dict[str, Tensor]
    times: NDArray[np.int64]
    run_ids: NDArray[np.int64]
    segments: list[tuple[str, ...]]

    def __len__(self) -> int:
        """Return how many events it has."""
        return len(self.times)

    def part(self, rows: NDArray[np.int64]) -> TapsSample:
        """Return the events of *rows*, ascending."""
        index = torch.from_numpy(rows)
        return TapsSample(
            {name: tap[index] for name, tap in self.taps.items()},
            self.times[rows],
            self.run_ids[rows],
            [self.segments[row] for row in rows],
        )

    def window_ids(self, window_seconds: int) -> NDArray[np.int64]:
        """Return each event's window, not decreasing."""
        return self.times // (MICROSECONDS * window_seconds)


def choose_runs(runs: Iterable[KeptRun], *, max_events: int) -> list[KeptRun]:
    """Return whole runs with at most so many events, spread evenly: the first in priority."""
    by_start: defaultdict[datetime, list[KeptRun]] = defaultdict(list)
    for run in runs:
        by_start[run.run_start].append(run)
    chosen: list[KeptRun] = []
    n_events = 0
    for start in sorted(by_start, key=lambda start: (by_start[start][0].priority, start)):
        n_events += sum(run.events for run in by_start[start])
        if chosen and n_events > max_events:
            break
        chosen += by_start[start]
    return sorted(chosen, key=lambda run: (run.run_start, run.segment))


def read_sample(
    kept: Kept, folder: ShardFolder, stream: str, runs: Collection[KeptRun], *, origin: str
) -> TapsSample | None:
    """Return the events of *runs* whose taps are of *origin*; None if there are none.

    A file that is missing or damaged is told and left out.

    Raises:
        KeptTapsUnavailable: the files cannot be read now.
    """
    wanted: defaultdict[datetime, set[str]] = defaultdict(set)
    for run in runs:
        wanted[run.run_start].add(run.segment)
    parts = []
    for start in sorted(wanted):
        found = _of_run(kept, folder, stream, start, origin)
        parts += [part for shard in found if len(part := _chosen(shard, wanted[start]))]
    if not parts:
        return None
    return _sample(parts, wanted)


def _of_run(
    kept: Kept, folder: ShardFolder, stream: str, start: datetime, origin: str
) -> list[Shard]:
    """Read a run's files; once more where the upkeep has merged them meanwhile."""
    for is_last in (False, True):
        rows = [row for row in kept.shards(stream, start) if row.origin == origin]
        found: list[Shard] = []
        for row in rows:
            try:
                found.append(decode_shard(folder.read(row.path, sha256=row.sha256)))
            except (KeptTapsMissing, KeptTapsDamaged) as error:
                if is_last:
                    log.warning(
                        "a file of kept taps is left out: %s", error,
                        extra=action("kept_taps_unreadable"),
                    )  # fmt: skip
        if len(found) == len(rows):
            return found
    return found


def _chosen(shard: Shard, segments: Collection[str]) -> Shard:
    rows = [n for n, names in enumerate(shard.segments) if (names or (ALL,))[0] in segments]
    return Shard(
        channels=shard.channels,
        taps=shard.taps[rows],
        p_values=shard.p_values[rows],
        times=shard.times[rows],
        segments=[shard.segments[row] for row in rows],
        places=shard.places[rows],
    )


def _sample(parts: Sequence[Shard], wanted: Collection[datetime]) -> TapsSample:
    joined = join_shards(parts)
    starts = np.array(sorted((start - _EPOCH) // timedelta(seconds=1) for start in wanted))
    seconds = joined.times // MICROSECONDS
    taps = torch.split(torch.from_numpy(joined.taps).float(), list(joined.channels.values()), dim=1)
    return TapsSample(
        dict(zip(joined.channels, taps, strict=True)),
        joined.times,
        starts[np.searchsorted(starts, seconds, side="right") - 1],
        list(joined.segments),
    )
