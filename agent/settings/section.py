"""What every section of ``driftgauge.toml`` shares, and the kinds of values that settings have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from .durations import FalseAlarmBudget, duration_in_words, parse_budget, parse_duration
from .quiet_hours import parse_quiet_hours, parse_time

MIB = 1024 * 1024


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [word.strip() for word in value.split(",") if word.strip()]


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _budget(value: object) -> object:
    return parse_budget(value) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
"""A list; in the environment ``a,b`` or JSON."""


def _quiet_hours(value: object) -> object:
    return str(parse_quiet_hours(value) or "") if isinstance(value, str) else value


def _time(value: object) -> object:
    return f"{parse_time(value):%H:%M}" if isinstance(value, str) else value


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError(
                "it is not a time zone; write a name such as 'Europe/Berlin' or 'UTC'"
            ) from None
    return value


QuietHoursText = Annotated[str, BeforeValidator(_quiet_hours)]
"""``HH:MM-HH:MM``, empty for none."""

TimeText = Annotated[str, BeforeValidator(_time)]
"""``HH:MM``."""

ZoneName = Annotated[str, BeforeValidator(_zone)]

Duration = Annotated[
    timedelta, BeforeValidator(_duration), PlainSerializer(duration_in_words, return_type=str)
]


def _interval(value: object) -> object:
    return duration_in_words(parse_duration(value)) if isinstance(value, str) and value else value


IntervalText = Annotated[str, BeforeValidator(_interval)]
"""A duration, empty for none."""

SpanText = Annotated[
    str, BeforeValidator(lambda value: value if value == "0" else _interval(value))
]
"""A duration, ``0``, or empty for a default that follows another setting."""

Budget = Annotated[
    FalseAlarmBudget, BeforeValidator(_budget), PlainSerializer(str, return_type=str)
]


class Section(BaseModel):
    """What all sections share: frozen, unknown names refused, fields documented where they are.

    Attributes:
        removed: settings of earlier versions, and what to write instead.
    """

    removed: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )
