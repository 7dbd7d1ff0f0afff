"""Keeps the taps of chosen runs between two flushes, and writes their files before a flush."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftgauge.storage import KeptRun, KeptShard

from ..errors import KeptTapsUnavailable
from ..events.event import Event
from ..keep.run_choice import RunChoice, RunSettings, run_priority
from ..keep.shard import Shard, encode_shard
from ..keep.shard_folder import ShardFolder, shard_path
from ..log import action
from ..ports import Scored
from .segments import ALL

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSettings:
    """What to keep, and where.

    Attributes:
        channels: tap name to channels, in the order in which they are scored.
        origin: names the model and the taps; see `keep.origin`.
        folder: where the files go.
        alpha: an event with a p-value of at most this is out of distribution.
    """

    stream: str
    detector: str
    origin: str
    channels: Mapping[str, int]
    runs: RunSettings
    folder: ShardFolder
    alpha: float


@dataclass(slots=True)
class _Waiting:
    """Events of one run that are in no file yet."""

    taps: list[NDArray[np.float16]] = field(default_factory=list)
    p_values: list[float] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    segments: list[tuple[str, ...]] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)

    def add(
        self, event: Event, names: tuple[str, ...], taps: NDArray[np.float16], p: float
    ) -> None:
        self.taps.append(taps)
        self.p_values.append(p)
        self.times.append((event.event_time - _EPOCH) // _MICROSECOND)
        self.segments.append(names)
        self.places.append((event.partition, event.offset, event.item))


class TapKeeper:
    """Keeps taps of the runs that `RunChoice` chooses. The loop's thread owns it.

    A file that cannot be written is told and given up: counting goes on without it.

    Attributes:
        n_kept: events in files whose rows are in the database.
        n_lost: events of chosen runs whose files could not be written.
    """

    def __init__(self, settings: KeepSettings) -> None:
        self._settings = settings
        self._choice = RunChoice(settings.runs)
        self._waiting: defaultdict[datetime, _Waiting] = defaultdict(_Waiting)
        self._sizes: dict[datetime, int] = {}
        self._is_failing = False
        self.n_kept = 0
        self.n_lost = 0

    def offer(
        self, events: Sequence[Event], segments: Sequence[Iterable[str]], scored: Scored
    ) -> None:
        """Take from a batch the events of chosen runs; the first segment beside ``*`` chooses."""
        if scored.taps is None:
            return
        p_values = scored.p_values[:, -1].tolist() if scored.is_scored else [1.0] * len(events)
        for row, (event, names) in enumerate(zip(events, segments, strict=True)):
            own = tuple(name for name in names if name != ALL)
            run = self._choice.run_of(own[0] if own else ALL, event.event_time)
            if run is not None:  # a copy: a view would hold the whole batch
                self._waiting[run].add(event, own, scored.taps[row].copy(), p_values[row])

    def write(self) -> tuple[list[KeptShard], list[KeptRun]]:
        """Write a file for each run that waits; return the rows for the flush."""
        self._sizes = {}
        shards: list[KeptShard] = []
        runs: list[KeptRun] = []
        for run, waiting in self._waiting.items():
            try:
                shard = self._written(run, waiting)
            except KeptTapsUnavailable as error:
                self._tell(error)
                self.n_lost += len(waiting.times)
                continue
            self._is_failing = False
            shards.append(shard)
            runs += self._runs(run, waiting)
            self._sizes[run] = shard.bytes
        return shards, runs

    def mark_flushed(self) -> None:
        """What `write` returned is in the database; what could not be written is given up."""
        for run, n_bytes in self._sizes.items():
            self.n_kept += len(self._waiting[run].times)
            if not self._choice.note_bytes(run, n_bytes):
                log.warning(
                    "the run of windows from %s alone fills keep.max_bytes_per_day = %s: the rest of it "
                    "is not kept; reduce keep.windows_per_run",
                    *(run.isoformat(), self._settings.runs.max_bytes_per_day),
                    extra=action("kept_run_cut", run_start=run.isoformat()),
                )
        self.drop()

    def drop(self) -> None:
        """Forget what is in no file; files without a row are deleted by the upkeep."""
        self._waiting.clear()
        self._sizes = {}

    def _written(self, run: datetime, waiting: _Waiting) -> KeptShard:
        settings = self._settings
        content = encode_shard(
            Shard(
                channels=settings.channels,
                taps=np.stack(waiting.taps),
                p_values=np.array(waiting.p_values, np.float32),
                times=np.array(waiting.times, np.int64),
                segments=waiting.segments,
                places=np.array(waiting.places, np.int64),
            )
        )
        digest = hashlib.sha256(content).hexdigest()
        path = shard_path(settings.stream, run, digest)
        settings.folder.write(path, content)
        return KeptShard(
            run_start=run,
            path=path,
            sha256=digest,
            bytes=len(content),
            events=len(waiting.times),
            origin=settings.origin,
            detector=settings.detector,
        )

    def _runs(self, run: datetime, waiting: _Waiting) -> list[KeptRun]:
        events: Counter[str] = Counter()
        unusual: Counter[str] = Counter()
        for names, p in zip(waiting.segments, waiting.p_values, strict=True):
            first = names[0] if names else ALL
            events[first] += 1
            unusual[first] += p <= self._settings.alpha
        priority = run_priority(self._settings.runs.key, run)
        return [KeptRun(name, run, priority, n, unusual[name]) for name, n in events.items()]

    def _tell(self, error: KeptTapsUnavailable) -> None:
        if not self._is_failing:
            log.warning(
                "taps are not kept, so that retraining will lack them; counting goes on: %s; %s",
                *(error, error.hint),
                extra=action("taps_not_kept"),
            )
        self._is_failing = True
