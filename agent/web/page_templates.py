"""Filling in the templates, and what all of them show: navigation, whether it works, who is here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from ..counting.clocks import clock_text
from ..pages.page import page_environment
from ..review.segment_power import span_words
from ..review.standing import is_alive
from .desk import Desk
from .doorkeeper import Doorkeeper, Person
from .errors import NothingThere
from .page_paths import path_to

STATIC = {"pages.css": "text/css; charset=utf-8", "pages.js": "text/javascript; charset=utf-8"}


class PageTemplates:
    """The templates of this room, for one database."""

    def __init__(self, desk: Desk, doorkeeper: Doorkeeper) -> None:
        self._desk = desk
        self._doorkeeper = doorkeeper
        self._environment = page_environment(__package__, "templates")
        self._environment.filters |= {
            "ago": self._ago,
            "clock_text": clock_text,
            "minute": _minute,
            "iso": _iso,
            "span": span_words,
        }
        self._environment.globals |= {
            "path_to": path_to,
            "closer": _closer,
            "static_version": _static_version(),
            "lets_change": doorkeeper.lets_change,
        }
        self._environment.tests["alive"] = is_alive

    def fill(
        self,
        template: str,
        values: Mapping[str, Any],
        *,
        person: Person | None,
        here: str,
        stream: str,
        section: str,
        query: Mapping[str, str],
    ) -> str:
        """Return the page.

        Args:
            template: its file.
            values: what is its own.
            person: who asks; None for somebody unknown.
            here: its address.
            stream: whose page it is; empty for none.
            section: of the navigation.
            query: what followed the question mark.
        """
        site: dict[str, Any] = {
            "person": person,
            "here": here,
            "name": stream,
            "streams": [],
            "section": section,
            "query": query,
            "standing": None,
            "now": self._desk.now(),
        }
        if section:
            site["streams"] = self._desk.streams()
            site["standing"] = self._standing(stream)
        return self._environment.get_template(template).render({"site": site, **values})

    def _standing(self, name: str) -> Any:
        try:
            return self._desk.standing(self._desk.stream(name))
        except NothingThere:
            return None

    def _ago(self, moment: datetime) -> str:
        """Return how long ago something was, by the wall clock; what is ahead is said so."""
        seconds = (self._desk.now() - moment).total_seconds()
        return f"{span_words(seconds)} ago" if seconds >= 0 else f"in {span_words(-seconds)}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


def _closer(stream: str, segment: str, zoom: str) -> Callable[[datetime], str] | None:
    """Return what leads from a column of a chart to one that shows it finer; None where none does."""
    finer = {"day": ("hour", timedelta(days=4)), "hour": ("minute", timedelta(hours=2))}.get(zoom)
    if finer is None:
        return None

    def path(start: datetime) -> str:
        until = _iso(start + finer[1])
        return path_to(stream, "segment", name=segment, zoom=finer[0], until=until)

    return path


def _static_version() -> str:
    """Return what changes when the style sheet or the script does."""
    folder = files(__package__).joinpath("static")
    contents = b"".join(folder.joinpath(name).read_bytes() for name in STATIC)
    return hashlib.sha256(contents).hexdigest()[:12]
