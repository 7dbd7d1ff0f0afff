"""What a change looks like, in words that claim no more than the pictures show."""

from __future__ import annotations

from dataclasses import dataclass

CLEAR = 0.5
"""A fault is claimed from this share on,"""
AHEAD = 2.0
"""if it is this many times that of any other."""
BOTH = 0.6
"""Otherwise two are claimed that have this share together."""
TOLD = 0.05
"""Shares below are not told."""
MOST_TOLD = 3

UNLIKE = "unlike any known fault"


@dataclass(frozen=True, slots=True)
class FaultNames:
    """Which faults a change looks like.

    Attributes:
        shares: name to share, largest first: of a hundred changes that are told with a share of 0.8,
            about eighty are that fault, among those that fitting tried on pictures that it had not
            learnt from. They sum to less than 1 where the change may be no fault at all. Empty where
            nothing is named.
        is_unlike: the change is further from every fault than these are from each other.
        why_not: why nothing could be looked at; empty where it could.
    """

    shares: tuple[tuple[str, float], ...] = ()
    is_unlike: bool = False
    why_not: str = ""

    @property
    def claimed(self) -> tuple[str, ...]:
        """The fault that it looks like, two that are not separated, or none.

        Example:
            >>> FaultNames((("dirt", 0.45), ("water drops", 0.4))).claimed
            ('dirt', 'water drops')
        """
        if self.is_unlike or not self.shares:
            return ()
        (first, most), *others = self.shares
        second, next_most = others[0] if others else ("", 0.0)
        if most >= CLEAR and most >= AHEAD * next_most:
            return (first,)
        return (first, second) if second and most + next_most >= BOTH else ()

    def __str__(self) -> str:
        """Return it as a part of a sentence.

        Example:
            >>> str(FaultNames((("out of focus", 0.81), ("haze", 0.12), ("dirt", 0.01))))
            'looks like: out of focus 0.8, haze 0.1'
            >>> str(FaultNames((("dirt", 0.45), ("water drops", 0.4))))
            'looks like: dirt 0.5 or water drops 0.4, which these pictures do not separate'
            >>> str(FaultNames((("dirt", 0.2),)))
            'unlike any known fault'
            >>> str(FaultNames(why_not="the detector learnt no faults"))
            'fault not named: the detector learnt no faults'
        """
        if self.why_not:
            return f"fault not named: {self.why_not}"
        claimed = self.claimed
        if not claimed:
            return UNLIKE
        told = [f"{name} {share:.1f}" for name, share in self.shares if share >= TOLD]
        if len(claimed) == 1:
            return f"looks like: {', '.join(told[:MOST_TOLD])}"
        return f"looks like: {' or '.join(told[:2])}, which these pictures do not separate"
