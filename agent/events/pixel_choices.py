"""The values of the settings that say what pixels mean."""

from __future__ import annotations

from typing import Literal

ChannelLayout = Literal["auto", "hwc", "chw", "hw"]
ValueRange = Literal["auto", "0-255", "0-1", "-1 to 1"]
ExifOrientation = Literal["ignore", "apply"]
