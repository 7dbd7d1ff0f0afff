"""The table of drift tests: a new one is a file in this folder and a row here."""

from __future__ import annotations

from collections.abc import Sequence

from ...alert.label_alert import LABEL_SHIFT
from ...errors import SettingsError
from ..drift_test import DriftTest
from .betting import Betting
from .coarse import TopGap
from .gross import GrossChange
from .label_shift import LabelShift
from .ood_rate import RateThreshold
from .river_tests import RIVER_TESTS
from .window_bets import WindowBets

TESTS = (
    DriftTest("windows", WindowBets(), alert="betting", keeps_budget=True, sees_late=True),
    DriftTest("betting", Betting(), alert="betting", keeps_budget=True, sees_late=True),
    DriftTest("coarse", TopGap(), alert="betting", keeps_budget=True, stands_in=True, share=2.0),
    DriftTest(
        "gross",
        GrossChange(),
        alert="betting",
        keeps_budget=False,
        stands_in=True,
        is_unpromised=True,
    ),
    DriftTest(LABEL_SHIFT, LabelShift(), alert=LABEL_SHIFT, keeps_budget=True, reads_labels=True),
    *RIVER_TESTS,
    DriftTest("ood_rate", RateThreshold(), alert="ood_rate", keeps_budget=False),
)


def choose_tests(names: Sequence[str]) -> tuple[DriftTest, ...]:
    """Return the tests with these names, in the order of the table.

    Raises:
        SettingsError: a name is not in the table, or none is given.
    """
    known = {test.name: test for test in TESTS}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise SettingsError(
            f"[monitor] tests = {list(names)}: wanted one or more of {', '.join(known)}"
            + (f"; there is no {', '.join(unknown)}" if unknown else "")
        )
    chosen = tuple(test for test in TESTS if test.name in names)
    leading = {test.alert for test in chosen if not test.is_unpromised}
    for test in chosen:
        if test.alert not in leading:
            others = [each.name for each in TESTS if each.alert == test.alert and each != test]
            raise SettingsError(
                f"[monitor] tests = {list(names)}: {test.name!r} watches only beside others, where these promise "
                f"no false-alarm rate; add one or more of {', '.join(others)}"
            )
    return chosen


DEFAULT_TESTS = choose_tests(("windows", "betting", "coarse", "gross"))
