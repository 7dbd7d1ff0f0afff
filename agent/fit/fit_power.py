"""How soon changes would be told in each segment, as far as a reference shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..drift.baseline import Baseline
from ..drift.monitor_settings import MonitorSettings
from ..drift.power import LONGEST_WINDOWS, power_curves
from ..terminal.natural_order import natural_key


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPower:
    """Of one segment, by windows with as many images as the reference's have.

    Attributes:
        total_failure_windows: until a failure of all images is told; None: not within those tried.
        tenth_windows: until it is told that 10 % of them are unusual; None: not within those tried.
        window_images: of a window.
        is_tested: whether a total failure is told within `MonitorSettings.tested_within`; where the
            reference has no times, within the windows that were tried.
    """

    total_failure_windows: int | None
    tenth_windows: int | None
    window_images: int
    is_tested: bool

    @property
    def words(self) -> str:
        """When changes are told."""
        return (
            f"a failure of all images is told after {_windows(self.total_failure_windows)}, 10 % unusual "
            f"images after {_windows(self.tenth_windows)} of {self.window_images} images"
        )


def fit_power(
    baselines: Mapping[str, Baseline], judging: MonitorSettings, *, is_timed: bool
) -> dict[str, FitPower]:
    """Return the power of each segment under the budget, which they share.

    Args:
        baselines: by segment.
        judging: how the monitor will judge.
        is_timed: whether the reference's windows are as long as the monitor's.
    """
    longest = judging.tested_within // judging.window if is_timed else LONGEST_WINDOWS
    threshold = judging.log_threshold(len(baselines))
    found = {}
    for segment, curve in power_curves(baselines, tests=judging.tests).items():
        power = curve.at(threshold)
        found[segment] = FitPower(
            total_failure_windows=power.total_failure,
            tenth_windows=power.tenth,
            window_images=curve.events,
            is_tested=power.total_failure is not None and power.total_failure <= longest,
        )
    return found


def untested_warnings(power: Mapping[str, FitPower]) -> list[str]:
    """Return that some segments are not called tested; nothing where all are."""
    late = [name for name in sorted(power, key=natural_key) if not power[name].is_tested]
    if not late:
        return []
    return [
        f"in {', '.join(late)} even a failure of all images would be told later than "
        "monitor.tested_within of traffic, so the segment is shown as untested; more reference, or a "
        "larger false-alarm budget, makes it sooner"
    ]


def _windows(number: int | None) -> str:
    if number is None:
        return f"more than {LONGEST_WINDOWS} windows"
    return f"{number} window" + ("" if number == 1 else "s")
