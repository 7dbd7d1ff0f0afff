"""Cameras of one site, and whether a camera changed alone or with them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

SIBLINGS = "; siblings: "
"""Begins what is said of a camera's siblings at the end of a message."""


@dataclass(frozen=True, slots=True)
class Sites:
    """Which site each segment is of.

    Attributes:
        pattern: a regular expression, matched with a segment's whole name, such as ``camera=3``; its
            group is the site's name. Empty knows no sites.
    """

    pattern: str = ""

    def __bool__(self) -> bool:
        """Return whether there are sites at all."""
        return bool(self.pattern)

    def of(self, segment: str) -> str | None:
        r"""Return a segment's site, None where it has none.

        >>> Sites(r"camera=(.+)-\d+").of("camera=hall-3")
        'hall'
        """
        found = re.fullmatch(self.pattern, segment) if self.pattern else None
        return found.group(1) if found else None

    def siblings(self, segment: str, known: Iterable[str]) -> set[str]:
        """Return the segments of the same site, the segment among them; none where it has no site."""
        site = self.of(segment)
        return set() if site is None else {segment, *(n for n in known if self.of(n) == site)}


def with_siblings(
    message: str, segment: str, sites: Sites, *, known: Iterable[str], changed: Collection[str]
) -> str:
    """Return *message* with whether the segment changed alone at its site.

    Args:
        message: of an alert; what it says of siblings is said anew.
        segment: that changed.
        sites: that there are.
        known: segments that are tested.
        changed: those of them that have a live alert of the same test.
    """
    told = message.partition(SIBLINGS)[0]
    words = siblings_in_words(segment, sites, known=known, changed={segment, *changed})
    return f"{told}{SIBLINGS}{words}" if words else told


def siblings_in_words(
    segment: str, sites: Sites, *, known: Iterable[str], changed: Collection[str]
) -> str:
    """Return whether the segment changed alone at its site, or how many have; empty where it has no sibling.

    >>> sites, hall = Sites(r"camera=(.+)-.+"), ["camera=hall-1", "camera=hall-2", "camera=hall-3"]
    >>> siblings_in_words("camera=hall-1", sites, known=hall, changed=["camera=hall-1"])
    'alone, none of the other 2 of hall has changed'
    >>> siblings_in_words("camera=hall-1", sites, known=hall, changed=["camera=hall-2"])
    '1 of the other 2 of hall has changed'
    """
    siblings, site = sites.siblings(segment, known), sites.of(segment)
    others = siblings - {segment}
    if not others:
        return ""
    n_changed = len(others.intersection(changed))
    if segment not in changed:
        return f"{n_changed} of the other {len(others)} of {site} {'has' if n_changed == 1 else 'have'} changed"
    if not n_changed:
        return f"alone, none of the other {len(others)} of {site} has changed"
    return f"with {n_changed} of the other {len(others)} of {site}"
