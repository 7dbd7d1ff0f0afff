"""Which fault a change of pictures looks like to a detector."""

from __future__ import annotations

from .detector import Detector
from .faults.names import FaultNames
from .faults.traits import Traits
from .pixels import PIXELS, STATISTICS

NO_PIXELS = "the detector does not score the pictures' own statistics (sent taps have none, or pixels = false)"
NOT_LEARNT = "the detector has learnt no faults: fit again, with pictures and --probes above 0"


def name_faults(detector: Detector, unusual: Traits, normal: Traits | None = None) -> FaultNames:
    """Return which faults *unusual* pictures look like.

    Args:
        detector: of which fitting learnt what each fault does; `str` of the names says why nothing
            is named where it did not.
        unusual: pictures of one suspected cause.
        normal: normal pictures of the same source, such as a camera; None compares with the
            nearest of the reference's groups.
    """
    if why_not := lacking(detector):
        return FaultNames(why_not=why_not)
    if unusual.pixels.shape[1:] != (len(STATISTICS),):
        return FaultNames(why_not="the pictures' statistics are of another version")
    return detector.faults.names(unusual, normal) if detector.faults else FaultNames()


def lacking(detector: Detector) -> str:
    """Return why *detector* can name no faults, empty where it can."""
    if PIXELS not in detector.taps:
        return NO_PIXELS
    return "" if detector.faults is not None else NOT_LEARNT
