"""Which known fault an alert looks like, as it is stored and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftgauge.storage import AlertRecord

if TYPE_CHECKING:  # commands that only read alerts need not load torch
    from driftgauge.detector import FaultNames


def claimed_words(alert: AlertRecord) -> str:
    """Return the faults that *alert* claims, the likeliest first; empty where it claims none."""
    return " or ".join(str(claim["fault"]) for claim in alert.faults)


@dataclass(frozen=True, slots=True)
class FaultClaim:
    """What is said of the fault behind an alert.

    Attributes:
        words: in full, also where nothing is named.
        told: what the alert's text says; empty where nothing was looked at.
        faults: that are claimed: ``{"fault", "share"}``.
    """

    words: str = ""
    told: str = ""
    faults: Sequence[Mapping[str, object]] = field(default_factory=list)

    @classmethod
    def of(cls, names: FaultNames) -> FaultClaim:
        """Return the claim that *names* allows."""
        shares = dict(names.shares)
        claimed = [{"fault": name, "share": round(shares[name], 2)} for name in names.claimed]
        return cls(str(names), "" if names.why_not else str(names), claimed)

    @classmethod
    def frozen(cls) -> FaultClaim:
        """Return that of windows in which all images have one score."""
        from driftgauge.detector import FROZEN, FaultNames

        return cls.of(FaultNames(((FROZEN, 1.0),)))

    @classmethod
    def kept(cls, alert: AlertRecord) -> FaultClaim:
        """Return what *alert* says already."""
        told = alert.looks_like if alert.looks_like in alert.message else ""
        return cls(alert.looks_like, told, alert.faults)
