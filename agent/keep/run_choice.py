"""Which runs of windows are kept: the same whoever reads the events, and however often."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from driftgauge.storage import KeptRun

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED_DAYS = 4


def run_priority(key: str, run_start: datetime) -> int:
    """Return a number of 63 bits that nobody can foretell without *key*; the smallest are kept.

    It is the same for every segment, so that the runs of all segments fall on the same times, and
    their pool's windows are whole as well.
    """
    seconds = (run_start - _EPOCH) // timedelta(seconds=1)
    digest = hashlib.blake2b(str(seconds).encode(), digest_size=8, key=key.encode()[:64])
    return int.from_bytes(digest.digest()) >> 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How much is kept.

    Attributes:
        key: of the priorities; a secret of the database, the same for all agents.
        run_seconds: length of a run, whole windows.
        runs_per_day: kept of each segment and day (UTC, event time).
        max_bytes_per_day: of all segments together.
    """

    key: str
    run_seconds: int
    runs_per_day: int
    max_bytes_per_day: int


class RunChoice:
    """Chooses runs as their events come: of each segment and day those with the smallest priorities.

    What is chosen early may be displaced later, and is dropped from the database by the upkeep. Whatever
    part of the events an agent sees, it keeps each event that belongs to the choice over all of them, so
    that the choices of several agents are merged by making the same choice once more (`excess_runs`).
    The loop's thread owns it.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._chosen: dict[date, defaultdict[str, dict[datetime, int]]] = {}
        self._bytes: defaultdict[date, dict[datetime, int]] = defaultdict(dict)
        self._ceiling: dict[date, int] = {}
        self._full: set[datetime] = set()

    def run_of(self, segment: str, at: datetime) -> datetime | None:
        """Return the start of the run to keep an event of *segment* in, None to pass it over."""
        start = self.run_start(at)
        chosen = self._of_day(start.date())[segment]
        if start in chosen:
            return None if start in self._full else start
        priority = run_priority(self._settings.key, start)
        if priority >= self._ceiling.get(start.date(), priority + 1):
            return None
        if len(chosen) >= self._settings.runs_per_day:
            last = max(chosen, key=lambda run: chosen[run])
            if priority > chosen[last]:
                return None
            del chosen[last]
        chosen[start] = priority
        return start

    def run_start(self, at: datetime) -> datetime:
        """Return the start of the run that holds *at*."""
        length = timedelta(seconds=self._settings.run_seconds)
        return _EPOCH + (at - _EPOCH) // length * length

    def note_bytes(self, run_start: datetime, n_bytes: int) -> bool:
        """Count bytes that are kept of a run; return False if they alone fill the day.

        Beyond the day's bytes the run with the largest priority goes, in all segments.
        """
        day = run_start.date()
        of_day, sizes = self._of_day(day), self._bytes[day]
        sizes[run_start] = sizes.get(run_start, 0) + n_bytes
        while len(sizes) > 1 and sum(sizes.values()) > self._settings.max_bytes_per_day:
            last = max(sizes, key=lambda run: run_priority(self._settings.key, run))
            self._ceiling[day] = run_priority(self._settings.key, last)
            del sizes[last]
            for chosen in of_day.values():
                chosen.pop(last, None)
        if sizes.get(run_start, 0) <= self._settings.max_bytes_per_day:
            return True
        self._full.add(run_start)
        return False

    def _of_day(self, day: date) -> defaultdict[str, dict[datetime, int]]:
        """Return what is chosen of a day; the days that had no event for longest are forgotten.

        Not the oldest ones: beside live traffic, a camera whose clock is months behind has a day of its own.
        """
        found = self._chosen.pop(day, None) or defaultdict(dict)
        self._chosen[day] = found
        while len(self._chosen) > _REMEMBERED_DAYS:
            forgotten = next(iter(self._chosen))
            del self._chosen[forgotten]
            self._bytes.pop(forgotten, None)
            self._ceiling.pop(forgotten, None)
            self._full = {run for run in self._full if run.date() != forgotten}
        return found


def excess_runs(runs: Iterable[KeptRun], *, runs_per_day: int) -> list[KeptRun]:
    """Return the runs beyond the choice over all that any agent kept."""
    days: defaultdict[tuple[str, date], list[KeptRun]] = defaultdict(list)
    for run in runs:
        days[run.segment, run.run_start.date()].append(run)
    return [
        run
        for own in days.values()
        for run in sorted(own, key=lambda run: run.priority)[runs_per_day:]
    ]
