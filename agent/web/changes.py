"""What people change from the pages: each button calls what the command of its name calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from driftgauge.storage import LIVE_STATES

from ..settings.durations import parse_duration
from .alert_view import alert_page, incident_page
from .desk import Desk
from .errors import RequestUnusable
from .page_kinds import PageRequest

_MOST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in, and who did."""

    fields: Mapping[str, str]
    by: str

    @property
    def do(self) -> str:
        """Which button was pressed."""
        return self.fields.get("do", "")

    @property
    def note(self) -> str:
        """What was written beside it."""
        return self.fields.get("note", "").strip()[:_MOST_NOTE]

    def unknown(self) -> RequestUnusable:
        """Return the error of a button that there is not."""
        return RequestUnusable(f"there is no button {self.do!r} on this page")


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """One address that takes forms; `make` changes something and says what in words."""

    path: str
    make: Callable[[Desk, PageRequest, Form], str]


def change_alert(desk: Desk, at: PageRequest, form: Form) -> str:
    """Take one alert a step further, as `driftgauge alerts` does."""
    page = alert_page(desk, at.stream, at.path["number"])
    if form.do == "mute":
        return _mute(desk, at, form, page.alert.segment)
    return _step(desk, form, [at.path["number"]])


def change_incident(desk: Desk, at: PageRequest, form: Form) -> str:
    """Take every live alert of an incident a step further."""
    page = incident_page(desk, at.stream, at.path["number"])
    live = [one.alert.id or 0 for one in page.alerts if one.alert.state in LIVE_STATES]
    if not live:
        raise RequestUnusable("none of its alerts is live")
    return _step(desk, form, live)


def _step(desk: Desk, form: Form, numbers: list[int]) -> str:
    at, by, note, store = desk.now(), form.by, form.note, desk.writer
    match form.do:
        case "acknowledge":
            store.transition_alerts(numbers, "acknowledged", at=at, by=by, note=note)
        case "resolve":
            store.transition_alerts(numbers, "resolved", at=at, by=by, note=note)
        case "real" | "false" | "accepted":
            store.give_verdicts(numbers, form.do, at=at, by=by, note=note)
        case "note":
            if not note:
                raise RequestUnusable("the note is empty")
            for number in numbers:
                store.note_on_alert(number, at=at, by=by, note=note)
        case _:
            raise form.unknown()
    return f"{form.do} of {len(numbers)} alert{'' if len(numbers) == 1 else 's'}"


def _mute(desk: Desk, at: PageRequest, form: Form, segment: str) -> str:
    desk.writer.mute(at.stream, segment, lasts=_lasts(form), by=form.by, why=form.note)
    return f"mute of {segment}"


def _lasts(form: Form) -> timedelta | None:
    text = form.fields.get("lasts", "").strip()
    try:
        return parse_duration(text) if text else None
    except ValueError as error:
        raise RequestUnusable(str(error)) from None


def change_mute(desk: Desk, at: PageRequest, form: Form) -> str:
    """Mute a segment, or end its mutes."""
    segment = form.fields.get("segment", "")
    if form.do == "mute" and segment:
        return _mute(desk, at, form, segment)
    if form.do == "unmute":
        desk.writer.unmute(at.stream, [segment or None], by=form.by)
        return f"unmute of {segment or 'every segment'}"
    raise form.unknown()


def change_detector(desk: Desk, at: PageRequest, form: Form) -> str:
    """Change which version scores, as `driftgauge detectors` does."""
    versions, name = desk.writer.versions, form.fields.get("detector", "")
    by, note = form.by, form.note
    match form.do:
        case "promote":
            versions.promote(at.stream, name, by=by, note=note)
        case "shadow":
            versions.shadow(at.stream, name, by=by, note=note)
        case "refuse":
            if not note:
                raise RequestUnusable("say in the note why it is not to be used")
            versions.refuse(at.stream, name, by=by, note=note)
        case "rollback":
            versions.rollback(at.stream, by=by, note=note)
        case _:
            raise form.unknown()
    return f"{form.do} of detector {name or 'before'}"


def change_reference(desk: Desk, at: PageRequest, form: Form) -> str:
    """Accept or refuse a run, as `driftgauge reference` does."""
    number = form.fields.get("number", "")
    if form.do not in ("accepted", "refused") or not number.isdecimal():
        raise form.unknown()
    desk.writer.retrainings.decide(at.stream, [int(number)], form.do, by=form.by, note=form.note)
    return f"run {number} {form.do}"


CHANGES = (
    ChangeKind("/streams/{stream}/alerts/{number:int}", change_alert),
    ChangeKind("/streams/{stream}/incidents/{number:int}", change_incident),
    ChangeKind("/streams/{stream}/mutes", change_mute),
    ChangeKind("/streams/{stream}/detectors", change_detector),
    ChangeKind("/streams/{stream}/reference", change_reference),
)
