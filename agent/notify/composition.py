"""Writes what a sink is told from the steps of alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import cast

from driftgauge.storage import ENDED_STATES, AlertRecord, EvidenceRecord, IncidentRecord

from .notice import Kind, Notice, kind_of
from .parcel import Parcel, Step
from .summary import Summary, SummaryKind, summary_of
from .templates import Templates

Describe = Callable[[AlertRecord], tuple[Sequence[EvidenceRecord], bytes | None]]


class Composition:
    """Writes notices and summaries.

    Args:
        describe: adds to an alert what only the database knows: examples and a picture.
        page_url: where a person can read more of an alert; ``{alert}`` is its number.
        reasons: what stands above several steps, by why they come together.
        templates: the words of single steps.
    """

    def __init__(
        self,
        describe: Describe,
        *,
        page_url: str,
        reasons: dict[SummaryKind, str],
        templates: Templates,
    ) -> None:
        self._templates = templates
        self._describe = describe
        self._page_url = page_url
        self._reasons = reasons

    def notice(self, step: Step) -> Notice:
        """Return one step with its alert's examples and picture."""
        notice = self._notice(step, *self._describe(step.incident.face))
        return self._templates.written(notice, step.notification.sink)

    def repeated(self, incident: IncidentRecord, sink: str) -> Notice:
        """Return that an incident is still live, or has ended, for a receiver that forgets."""
        alert = incident.face
        is_over = incident.state in ENDED_STATES
        notice = Notice(
            key=f"driftgauge/{alert.stream}/{sink}/live/{alert.id}",
            kind=cast(Kind, incident.state) if is_over else "opened",
            at=(incident.resolved_at if is_over else None) or alert.opened_at,
            by="monitor",
            note="",
            alert=alert,
            incident=incident,
            link=self._link(alert),
        )
        return self._templates.written(notice, sink)

    def summary(self, parcel: Parcel, why: SummaryKind, at: datetime) -> Summary:
        """Return several steps in one message, without pictures."""
        first, last = parcel.steps[0].notification, parcel.steps[-1].notification
        stream = parcel.steps[0].alert.stream
        numbers = f"{first.step_id}-{last.step_id}"
        return summary_of(
            [self._notice(step, (), None) for step in parcel.steps],
            key=f"driftgauge/{stream}/{first.sink}/{numbers}",
            kind=why,
            at=at,
            reason=self._reasons[why],
        )

    def _notice(
        self, step: Step, examples: Sequence[EvidenceRecord], picture: bytes | None
    ) -> Notice:
        alert, notification = step.incident.face, step.notification
        taken = notification.step
        return Notice(
            key=f"driftgauge/{alert.stream}/{notification.sink}/{notification.step_id}",
            kind=kind_of(notification),
            at=taken.at,
            by=taken.by,
            note=taken.note,
            alert=alert,
            incident=step.incident,
            examples=examples,
            picture=picture,
            link=self._link(alert),
        )

    def _link(self, alert: AlertRecord) -> str:
        return self._page_url.replace("{alert}", str(alert.id))
