"""In which segments the false-alarm budget is promised, as far as a reference shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..drift.baseline import MIN_EVENTS, Baseline, effective_windows
from ..drift.design_effect import Counts
from ..drift.monitor_settings import MonitorSettings
from ..drift.promise import promised_windows


def promise_warning(
    reference: Mapping[str, Counts], baselines: Mapping[str, Baseline], judging: MonitorSettings
) -> str | None:
    """Return in which segments the false-alarm budget is not promised, None where it is in all.

    Args:
        reference: each segment's reference windows, ``(windows, columns, bins)``.
        baselines: that they give.
        judging: how the monitor will judge.
    """
    needed = promised_windows(judging.log_threshold(len(baselines)))
    worth = {
        segment: effective_windows(windows)
        for segment, windows in sorted(reference.items())
        if int(windows[:, -1].sum()) >= MIN_EVENTS
    }
    short = {segment: size for segment, size in worth.items() if size < needed}
    if not short:
        return None
    return "; ".join([_lacking(short, needed), *_untested(list(short), baselines)])


def _lacking(short: Mapping[str, float], needed: float) -> str:
    listed = ", ".join(f"{segment} ({size:.1f})" for segment, size in short.items())
    factor = needed / max(min(short.values()), 0.1)
    return (
        f"the held-out reference is worth fewer than {needed:.0f} independent windows in {listed}: "
        f"the false-alarm budget is not guaranteed there; a span about {factor:.1f} times as long would "
        f"be enough, or a larger false-alarm budget"
    )


def _untested(short: Sequence[str], baselines: Mapping[str, Baseline]) -> list[str]:
    """Return what is tested at all in segments whose reference is short."""
    provisional = [name for name in short if name in baselines and baselines[name].is_provisional]
    unknown = [name for name in short if name not in baselines]
    said = []
    if provisional:
        said.append(
            f"in {', '.join(provisional)} only gross changes are tested until enough traffic is learnt"
        )
    if unknown:
        said.append(
            f"{', '.join(unknown)} has too few for a test, and learns its baseline from traffic first"
        )
    return said
