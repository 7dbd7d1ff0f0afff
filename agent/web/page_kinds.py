"""Every page: its address, what it takes, and what it is made from. Router and OpenAPI read this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..review.segment_worth import PHASES
from .alert_view import (
    LISTS,
    AlertList,
    AlertPage,
    IncidentPage,
    alert_list,
    alert_page,
    incident_page,
)
from .desk import Desk
from .detector_view import DetectorsPage, ReferencePage, detectors_page, reference_page
from .segment_view import ZOOMS, SegmentPage, segment_page
from .stream_view import Overview, overview


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a request asks for.

    Attributes:
        path: the parts of the address that vary; numbers are whole.
        query: what follows the question mark.
    """

    path: Mapping[str, Any]
    query: Mapping[str, str]

    @property
    def stream(self) -> str:
        """The stream's name."""
        return str(self.path["stream"])


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something that may follow the question mark."""

    name: str
    says: str
    choices: tuple[str, ...] = ()
    is_needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKind:
    """One kind of page.

    Attributes:
        path: as Starlette writes it.
        section: of the navigation.
        view: what `make` returns, in HTML or as JSON.
    """

    name: str
    section: str
    path: str
    says: str
    view: type
    make: Callable[[Desk, PageRequest], Any]
    parameters: tuple[Parameter, ...] = ()

    @property
    def template(self) -> str:
        """The file that shows it."""
        return f"{self.name}.html.jinja"


PAGES = (
    PageKind(
        name="overview",
        section="overview",
        path="/streams/{stream}",
        says="Whether the stream is watched, its live incidents, and every segment, trouble first.",
        view=Overview,
        make=lambda desk, at: overview(
            desk, at.stream, text=at.query.get("q", ""), state=at.query.get("state", "")
        ),
        parameters=(
            Parameter("q", "Only segments whose name has this text; * stands for any."),
            Parameter("state", "Only segments in this state.", PHASES),
        ),
    ),
    PageKind(
        name="segment",
        section="overview",
        path="/streams/{stream}/segment",
        says="One segment: rates, p-values, layers, alerts, frames, and how it is tested.",
        view=SegmentPage,
        make=lambda desk, at: segment_page(
            desk,
            at.stream,
            at.query.get("name", ""),
            zoom=at.query.get("zoom", ""),
            until=at.query.get("until", ""),
        ),
        parameters=(
            Parameter("name", "The segment, such as camera=3; * for all together.", (), True),
            Parameter("zoom", "What a column of the chart is.", ZOOMS),
            Parameter("until", "Where the chart ends, in event time; UTC unless it says."),
        ),
    ),
    PageKind(
        name="alerts",
        section="alerts",
        path="/streams/{stream}/alerts",
        says="Alerts, newest first, and how often each test's were right.",
        view=AlertList,
        make=lambda desk, at: alert_list(
            desk,
            at.stream,
            shown=at.query.get("shown", "live"),
            segment=at.query.get("segment", ""),
            page=at.query.get("page", ""),
        ),
        parameters=(
            Parameter("shown", "Live alerts, or all.", tuple(LISTS)),
            Parameter("segment", "Only those of this segment."),
            Parameter("page", "Which fifty, from 1."),
        ),
    ),
    PageKind(
        name="alert",
        section="alerts",
        path="/streams/{stream}/alerts/{number:int}",
        says="One alert: what changed, its steps, its frames.",
        view=AlertPage,
        make=lambda desk, at: alert_page(desk, at.stream, at.path["number"]),
    ),
    PageKind(
        name="incident",
        section="alerts",
        path="/streams/{stream}/incidents/{number:int}",
        says="Alerts that began together.",
        view=IncidentPage,
        make=lambda desk, at: incident_page(desk, at.stream, at.path["number"]),
    ),
    PageKind(
        name="detectors",
        section="detectors",
        path="/streams/{stream}/detectors",
        says="Detector versions, retrainings with the checks of their gates, and who changed what.",
        view=DetectorsPage,
        make=lambda desk, at: detectors_page(desk, at.stream),
    ),
    PageKind(
        name="reference",
        section="reference",
        path="/streams/{stream}/reference",
        says="What is kept to learn from, and the runs that wait for a person.",
        view=ReferencePage,
        make=lambda desk, at: reference_page(desk, at.stream),
    ),
)
