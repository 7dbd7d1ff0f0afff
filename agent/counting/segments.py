"""The segments that an event counts in: bounded in number, and none of their names in vain."""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from driftgauge.storage import OTHER_VALUE

from ..events.segment import MODEL_VERSION, PREDICTED_CLASS, segment_name
from ..log import action

log = logging.getLogger(__name__)

ALL = "*"

FORGOTTEN_AFTER = timedelta(days=30)
"""A value that no event had for so long makes room for a new one."""

ENOUGH_EVENTS = 100
"""After so many without it, a name of ``stream.segments`` is taken for a mistake."""


class Segments:
    """Names the segments that an event counts in, bounded in number. The loop's thread owns it.

    Which values are counted does not depend on when an agent was started: those in the database are
    known after a restart (`remember`), the last seen first.

    Args:
        max_segments: beyond so many, new values of a name count as ``name=~other``: a header or
            field that differs in every event must not fill the database.
        n_names: names that share them equally, so that one without bound leaves the others room.

    Attributes:
        n_other: values so far that counted as ``~other``.
    """

    def __init__(self, max_segments: int = 1000, *, n_names: int = 1) -> None:
        self._max_values = max(1, max_segments // max(1, n_names))
        self._known: defaultdict[str, OrderedDict[str, datetime]] = defaultdict(OrderedDict)
        self.n_other = 0

    def remember(self, seen: Mapping[str, datetime]) -> None:
        """Know segments that were counted before.

        Args:
            seen: ``name=value`` to when it was last counted.
        """
        for segment, at in sorted(seen.items(), key=lambda item: item[1], reverse=True):
            name, equals, value = segment.partition("=")
            known = self._known[name]
            if (
                equals
                and value != OTHER_VALUE
                and value not in known
                and len(known) < self._max_values
            ):
                known[value] = at
        for name, known in self._known.items():
            self._known[name] = OrderedDict(sorted(known.items(), key=lambda item: item[1]))

    def of(self, values: Mapping[str, str], at: datetime) -> list[str]:
        """Return ``*`` and one ``name=value`` for each of an event's segments.

        Args:
            at: the time of the event.
        """
        return [ALL, *(self._bounded(name, value, at) for name, value in values.items())]

    def _bounded(self, name: str, value: str, at: datetime) -> str:
        known = self._known[name]
        if value not in known and len(known) >= self._max_values and not _make_room(known, at):
            self.n_other += 1
            return f"{name}={OTHER_VALUE}"
        known[value] = max(at, known.get(value, at))
        known.move_to_end(value)
        return f"{name}={value}"


def _make_room(known: OrderedDict[str, datetime], at: datetime) -> bool:
    """Forget the value that was not seen for longest, if that is long ago; return whether it was."""
    oldest = next(iter(known))
    if known[oldest] > at - FORGOTTEN_AFTER:
        return False
    del known[oldest]
    return True


class MissingSegments:
    """Notices names of ``stream.segments`` that no event has. The loop's thread owns it.

    Args:
        sources: the names as they are in the settings.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self._unseen = {segment_name(source): source for source in sources}
        self._n_events = 0
        self._is_told = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Names that no event had, once there were enough to say so."""
        return tuple(self._unseen.values()) if self._is_told else ()

    def see(self, values: Mapping[str, str]) -> None:
        """Take in the segments of one event."""
        if not self._unseen:
            return
        for name in self._unseen.keys() & values.keys():
            source = self._unseen.pop(name)
            if self._is_told:
                log.info(
                    "the first event with segment %r has arrived", source,
                    extra=action("segment_found", segment=source),
                )  # fmt: skip
        self._n_events += 1
        if self._n_events >= ENOUGH_EVENTS and not self._is_told:
            self._is_told = True
            for source in self._unseen.values():
                log.warning(
                    "none of the first %s events has segment %r, which stream.segments names: %s",
                    *(self._n_events, source, _where(source)),
                    extra=action("segment_missing", segment=source),
                )


def _where(source: str) -> str:
    """Return where the value of *source* would be, and so what to look at."""
    if source == PREDICTED_CLASS:
        return (
            "no prediction names a class and the model is no classifier; take it out, "
            "or send the class in a header of this name"
        )
    if source == MODEL_VERSION:
        return (
            "no inference request or header has a version; remove it from the setting, or send it"
        )
    if source.startswith("json:"):
        return "no message has this field; compare its spelling with a message"
    return "no message has such a header or CloudEvents attribute; compare its spelling"
