"""What the host knows of an image that its model sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """One image of a batch, as the host knows it.

    Attributes:
        event_id: None makes one up.
        event_time: aware; None is when the model ran.
        segments: such as ``{"camera": "3"}``; each is a header of the event.
    """

    event_id: str | None = None
    event_time: datetime | None = None
    segments: Mapping[str, str] = field(default_factory=dict)

    def headers(
        self, event_id: str, ran_at: datetime, predicted: int | None = None
    ) -> dict[str, str]:
        """Return the CloudEvents headers of its own, and one for each segment.

        Args:
            event_id: where this has none.
            ran_at: when the model ran.
            predicted: the class that the model gave, where the host names no other.
        """
        moment = (self.event_time or ran_at).astimezone(UTC)
        texts = {
            "ce_id": self.event_id or event_id,
            "ce_time": moment.isoformat().replace("+00:00", "Z"),
            **self.segments,
        }
        if predicted is not None:
            texts.setdefault("predicted_class", str(predicted))
        return texts


UNKNOWN = ImageInfo()
