"""What the monitor remembers of one segment between windows; plain values that JSON can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from .betting import Array, Counts, SegmentBets, advance, log_mean

Bets = tuple[SegmentBets, ...]
"""One a column: the layers, then the combined p-value."""

GROWING = float(np.log(2.0))
"""Below this log evidence nothing has begun to grow: the estimate of the change starts anew."""


@dataclass(slots=True)
class SegmentState:
    """Evidence against one segment's normal, and what was counted since it began to grow.

    Attributes:
        log_evidence: a column's bets, ``-inf`` at first.
        since: start of the first window of the growing evidence, None while there is none.
        counts: ``(columns, bins)`` counted since then.
        quiet: quiet windows in a row, while an alert lives.
    """

    log_evidence: list[Array]
    counts: Counts
    since: datetime | None = None
    quiet: int = 0
    statistic: float = field(default=float("-inf"))

    @classmethod
    def fresh(cls, bets: Bets) -> SegmentState:
        """Return a memory without evidence."""
        n_bins = len(bets[0].bins)
        return cls(
            log_evidence=[np.full(len(column.log_gain), -np.inf) for column in bets],
            counts=np.zeros((len(bets), n_bins), dtype=np.int64),
        )

    def add(self, bets: Bets, counts: Counts, window_start: datetime) -> float:
        """Take in one window; return the segment's log statistic, the mean over all bets."""
        if self.statistic <= GROWING:
            self.since, self.counts = window_start, np.zeros_like(self.counts)
        self.counts = self.counts + counts
        self.log_evidence = [
            advance(log_evidence, column.log_evidence(counts[number]))
            for number, (log_evidence, column) in enumerate(
                zip(self.log_evidence, bets, strict=True)
            )
        ]
        means = np.array([log_mean(log_evidence) for log_evidence in self.log_evidence])
        self.statistic = log_mean(means)
        return self.statistic

    def restart(self, bets: Bets) -> None:
        """Forget the evidence, as after an alarm; what was counted stays with its alert."""
        fresh = SegmentState.fresh(bets)
        self.log_evidence, self.statistic = fresh.log_evidence, fresh.statistic
        self.quiet = 0

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "log_evidence": [_dump_floats(column) for column in self.log_evidence],
            "counts": self.counts.tolist(),
            "since": self.since.isoformat() if self.since else None,
            "quiet": self.quiet,
            "statistic": _dump_floats(np.array([self.statistic]))[0],
        }

    @classmethod
    def load(cls, values: dict[str, Any]) -> SegmentState:
        """Return what `dump` wrote."""
        return cls(
            log_evidence=[_load_floats(column) for column in values["log_evidence"]],
            counts=np.array(values["counts"], dtype=np.int64),
            since=datetime.fromisoformat(values["since"]) if values["since"] else None,
            quiet=int(values["quiet"]),
            statistic=float(_load_floats([values["statistic"]])[0]),
        )

    def fits(self, bets: Bets) -> bool:
        """Return whether this memory belongs to *bets* of the same shapes."""
        return [len(column) for column in self.log_evidence] == [len(b.log_gain) for b in bets]


def _dump_floats(values: Array) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _load_floats(values: list[float | None]) -> Array:
    return np.array([-np.inf if value is None else value for value in values])
