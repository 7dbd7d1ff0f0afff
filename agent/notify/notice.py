"""What a sink is told: one step in the life of one alert, in words and in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from driftgauge.storage import SILENCE, AlertRecord, EvidenceRecord, Notification

from ..alert.wording import percent, subject

Kind = Literal["opened", "worsened", "reopened", "acknowledged", "resolved", "gone"]
_KINDS: Mapping[str, Kind] = {
    "open": "reopened",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
    "gone": "gone",
}


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
        alert: as it is now.
        examples: its most unusual events, for who wants to find the originals.
        picture: a PNG of unusual frames next to typical ones; None if no picture is stored.
        link: where a person can read more; empty when the settings name no page.
    """

    key: str
    kind: Kind
    at: datetime
    by: str
    note: str
    alert: AlertRecord
    examples: Sequence[EvidenceRecord] = ()
    picture: bytes | None = None
    link: str = ""

    @property
    def title(self) -> str:
        """The subject line, such as ``[warning] camera 3 (line-3): drift alert 12 opened``."""
        alert = self.alert
        return (
            f"[{alert.severity}] {subject(alert.segment)} ({alert.stream}): "
            f"drift alert {alert.id} {self.kind}"
        )

    @property
    def text(self) -> str:
        """The body, for chat and mail."""
        alert = self.alert
        lines = [
            alert.message,
            f"Since: {alert.since:%Y-%m-%d %H:%M:%S} UTC.",
        ]
        if alert.test != SILENCE:
            lines.append(f"Rate: {percent(alert.rate_now)}, normally {percent(alert.rate_normal)}.")
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
            "rate_normal": alert.rate_normal,
            "events": alert.events,
            "layers": [dict(layer) for layer in alert.layers],
            "message": alert.message,
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


def kind_of(notification: Notification) -> Kind:
    """Return which step of its alert a notification is for."""
    step = notification.transition
    if step.from_state is None:
        return "opened"
    if step.from_state == step.to_state:
        return "worsened"
    return _KINDS[step.to_state]


def place_of(example: EvidenceRecord) -> str:
    """Return an event's place in Kafka: ``topic/partition@offset``."""
    return f"{example.topic}/{example.partition}@{example.offset}"
