"""What a live alert looks like, so that its end and a change inside the change are seen. Pure.

An alert's *look* are the counts of its windows. Each further window is compared with the baseline (has
the change ended?), and bets are placed on it that the look knows nothing of (is something new?). Counts are
divided by the columns' design effects, so that neighbouring frames that are alike count once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from .design_effect import Array, Counts
from .log_evidence import log_mean

BACK = float(np.log(20.0))
"""Log likelihood ratio of the baseline against the look from which a window counts as quiet."""

PRIOR_EVENTS = 4.0
"""Effective events that what is known of a distribution begins with, spread as itself."""

NEW_SHARES = (0.1, 0.3, 0.7)
"""Shares of the events that the bets take for more unusual than the look."""
EXPONENT = 0.3
USUAL_SHARE = 0.3
N_BETS = len(NEW_SHARES) + 1
"""The last one takes `USUAL_SHARE` of them for more usual."""

DIGITS = 6
"""Of what is stored, and so of what is kept in memory."""

STANDARD_ERRORS = 2.0
"""By so many the bets are discounted, since a look is finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLook:
    """How one live alert looks.

    Attributes:
        counts: ``(columns, bins)`` of its windows.
        waiting: of the windows since it has looked as if something were new.
        back: evidence that the change has ended, 0 to twice `BACK`.
        news: ``(columns, N_BETS)``, evidence that something is new, at least 0: cumulative sums.
        starts: of the same shape, the second at which each began to grow.
    """

    counts: Counts
    waiting: Counts
    back: float
    news: Array
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Counts) -> AlertLook:
        """Return the look of an alert whose windows have these counts."""
        shape = (len(counts), N_BETS)
        return cls(
            counts=counts,
            waiting=np.zeros_like(counts),
            back=0.0,
            news=np.zeros(shape),
            starts=np.zeros(shape, dtype=np.int64),
        )

    @property
    def is_back(self) -> bool:
        """Whether the last windows are as the baseline."""
        return self.back >= BACK

    @property
    def log_news(self) -> float:
        """Evidence that something is new; the mean over bets and columns."""
        return log_mean(self.news.ravel())

    @property
    def new_since(self) -> datetime:
        """When the strongest of that evidence began to grow."""
        return datetime.fromtimestamp(int(self.starts.ravel()[self.news.argmax()]), UTC)

    def seen(
        self, window: Counts, start: datetime, reference: Counts, effects: Sequence[float]
    ) -> AlertLook:
        """Return it after one more window.

        Args:
            window: ``(columns, bins)`` counts.
            start: of the window.
            reference: ``(columns, bins)`` counts of the baseline.
            effects: design effects of the columns.
        """
        effects = np.maximum(effects, np.median(effects)).tolist()  # all layers see the same frames
        nearer = log_ratio(window, reference, self.counts, effects)
        news = self.news + self._gains(window, effects)
        starts = np.where(self.news <= 0.0, int(start.timestamp()), self.starts)
        after = replace(
            self,
            waiting=self.waiting + window,
            back=round(min(max(self.back + nearer, 0.0), 2 * BACK), DIGITS),
            news=np.maximum(news.round(DIGITS), 0.0),
            starts=starts,
        )
        if after.log_news > np.log(2.0):
            return after
        known = self.counts + after.waiting
        return replace(after, counts=known, waiting=np.zeros_like(known))

    def _gains(self, window: Counts, effects: Sequence[float]) -> Array:
        """Return what the window adds to each bet, ``(columns, N_BETS)``, in logarithms."""
        masses = _spread(self.counts)
        upper = np.cumsum(masses, axis=1)
        lower = upper - masses
        unusual = (upper**EXPONENT - np.maximum(lower, 0.0) ** EXPONENT) / masses
        usual = (np.sqrt(np.maximum(1 - lower, 0.0)) - np.sqrt(np.maximum(1 - upper, 0.0))) / masses
        usual = 1 - USUAL_SHARE + USUAL_SHARE * usual
        bets = [1 - share + share * unusual for share in NEW_SHARES]
        gains = np.stack([*bets, usual], axis=1)  # (columns, bets, bins)
        deviation = np.sqrt(np.maximum((masses[:, None] * gains**2).sum(axis=2) - 1.0, 0.0))
        known = self.counts.sum(axis=1, keepdims=True) / np.asarray(effects)[:, None]
        discount = np.log1p(STANDARD_ERRORS * deviation / np.sqrt(np.maximum(known, 1.0)))
        logs = np.log(np.maximum(gains, 1e-9)) - discount[:, :, None]
        found: Array = (logs * window[:, None]).sum(axis=2) / np.asarray(effects)[:, None]
        return found

    def dump(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "counts": self.counts.tolist(),
            "waiting": self.waiting.tolist() if self.waiting.any() else None,
            "back": self.back,
            "news": self.news.tolist(),
            "starts": self.starts.tolist(),
        }

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> AlertLook:
        """Return what `dump` wrote."""
        counts, waiting = np.array(kept["counts"], dtype=np.int64), kept["waiting"]
        return cls(
            counts=counts,
            waiting=np.zeros_like(counts) if waiting is None else np.array(waiting, dtype=np.int64),
            back=kept["back"],
            news=np.array(kept["news"], dtype=np.float64),
            starts=np.array(kept["starts"], dtype=np.int64),
        )


def log_ratio(counts: Counts, one: Counts, other: Counts, effects: Sequence[float]) -> float:
    """Return how much better *one* explains counts than *other*, in logarithms.

    Dirichlet-multinomial, averaged over the columns, which is valid whatever they have in common.
    """
    return _log_predictive(counts, one, effects) - _log_predictive(counts, other, effects)


def _log_predictive(window: Counts, known: Counts, effects: Sequence[float]) -> float:
    """Return the log probability of counts after *known* ones, but for what hypotheses share."""
    per_event = 1.0 / np.asarray(effects, dtype=np.float64)[:, None]
    alpha = PRIOR_EVENTS * _spread(known) + known * per_event
    x = window * per_event
    bins = (gammaln(alpha + x) - gammaln(alpha)).sum(axis=1)
    whole = gammaln(alpha.sum(axis=1)) - gammaln(alpha.sum(axis=1) + x.sum(axis=1))
    return float((bins + whole).mean())


def _spread(counts: Counts) -> Array:
    """Return the share of each bin, none of them zero."""
    n_bins = counts.shape[1]
    shares: Array = (counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 0.5 * n_bins)
    return shares
