"""What a sink is told: one step in the life of one alert, in words and in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from driftgauge.storage import UNRATED, AlertRecord, EvidenceRecord, IncidentRecord, Notification

from ..alert.certainty import certainty
from ..alert.incident_wording import incident_message, incident_subject
from ..alert.wording import percent, subject
from ..terminal.natural_order import natural_key

Kind = Literal[
    "opened",
    "joined",
    "worsened",
    "recovered",
    "acknowledged",
    "resolved",
    "gone",
    "reopened",
    "unmuted",
    "changed",
]


_MOST_NAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One step of one alert.

    Attributes:
        key: the same for every attempt to send this step to this sink, so that a receiver can drop
            a repetition.
        kind: which step.
        at: when it was taken.
        by: who took it: the monitor, or a person.
        note: what they wrote.
        alert: as it is now; of an incident with several members the first of them, with the state
            and the severity of the whole.
        incident: what it is part of; None in an example.
        examples: its most unusual events, for who wants to find the originals.
        picture: a PNG of unusual frames next to typical ones; None if no picture is stored.
        link: where a person can read more; empty when the settings name no page.
        subject: stands in for the subject line that it would have.
        body: stands in for the text that it would have.
    """

    key: str
    kind: Kind
    at: datetime
    by: str
    note: str
    alert: AlertRecord
    incident: IncidentRecord | None = None
    examples: Sequence[EvidenceRecord] = ()
    picture: bytes | None = None
    link: str = ""
    subject: str = ""
    body: str = ""

    @property
    def title(self) -> str:
        """The subject line, such as ``[warning] camera 3 (line-3): drift alert 12 opened``."""
        if self.subject:
            return self.subject
        alert = self.alert
        what = incident_subject(self.many) if self.many else subject(alert.segment)
        return f"[{alert.severity}] {what} ({alert.stream}): drift alert {alert.id} {self.kind}"

    @property
    def many(self) -> IncidentRecord | None:
        """The incident where it has several members."""
        return self.incident if self.incident and self.incident.members > 1 else None

    @property
    def message(self) -> str:
        """The claim in words: of the alert, or of the whole incident."""
        return incident_message(self.many) if self.many else self.alert.message

    @property
    def text(self) -> str:
        """The body, for chat and mail."""
        if self.body:
            return self.body
        alert = self.alert
        lines = [
            self.message,
            f"Since: {alert.since:%Y-%m-%d %H:%M:%S} UTC.",
        ]
        if alert.test not in UNRATED:
            worst = f", at its worst {percent(alert.rate_peak)}" if is_past_worst(alert) else ""
            normal = percent(alert.rate_normal)
            lines.append(f"Rate: {percent(alert.rate_now)}{worst}, normally {normal}.")
        if sure := certainty(alert.log_e_value):
            lines.append(sure)
        if self.many:
            lines.append(_segments_of(self.many))
        if self.kind != "opened":
            word = f" ({self.note})" if self.note else ""
            lines.append(
                f"{self.kind.capitalize()} by {self.by} at {self.at:%Y-%m-%d %H:%M:%S} UTC{word}."
            )
        if self.examples:
            places = ", ".join(place_of(example) for example in self.examples)
            lines.append(f"Most unusual messages: {places}.")
        if self.link:
            lines.append(self.link)
        return "\n".join(lines)

    def values(self) -> dict[str, Any]:
        """Return everything but the picture as JSON-ready values."""
        alert = self.alert
        return {
            "key": self.key,
            "kind": self.kind,
            "at": self.at.isoformat(),
            "by": self.by,
            "note": self.note,
            "alert": alert.id,
            "stream": alert.stream,
            "segment": alert.segment,
            "test": alert.test,
            "detector": alert.detector,
            "state": alert.state,
            "severity": alert.severity,
            "since": alert.since.isoformat(),
            "rate_now": alert.rate_now,
            "rate_peak": alert.rate_peak,
            "log_e_value": alert.log_e_value,
            "rate_normal": alert.rate_normal,
            "events": alert.events,
            "layers": [dict(layer) for layer in alert.layers],
            "looks_like": alert.looks_like,
            "faults": [dict(fault) for fault in alert.faults],
            "message": self.message,
            "incident": self.incident.id if self.incident else None,
            "members": self.incident.members if self.incident else 1,
            "live": self.incident.live if self.incident else 1,
            "examples": [
                {
                    "topic": example.topic,
                    "partition": example.partition,
                    "offset": example.offset,
                    "event_id": example.event_id,
                    "p_value": example.p_value,
                }
                for example in self.examples
            ],
            "link": self.link,
        }


def is_past_worst(alert: AlertRecord) -> bool:
    """Return whether the alert's rate was clearly higher than it is now."""
    return alert.rate_peak >= alert.rate_now + 0.001  # the last digit shown


def _segments_of(incident: IncidentRecord) -> str:
    names = sorted({segment for segment, _ in incident.parts}, key=natural_key)
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"Segments: {', '.join(names[:_MOST_NAMES])}{more}."


def kind_of(notification: Notification) -> Kind:
    """Return which step of its incident a notification is for."""
    return cast("Kind", notification.step.kind)


def place_of(example: EvidenceRecord) -> str:
    """Return an event's place in Kafka: ``topic/partition@offset``."""
    return f"{example.topic}/{example.partition}@{example.offset}"
