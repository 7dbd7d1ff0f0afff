"""The values of the setting ``events.format``."""

from __future__ import annotations

from typing import Literal

FormatSetting = Literal["auto", "image", "cloudevents", "json", "inference", "registry"]
