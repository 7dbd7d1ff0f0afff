"""The section ``monitor`` of ``driftgauge.toml``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ..durations import parse_budget
from ..section import Budget, Duration, Section, Words


def check_site(pattern: str) -> str:
    """Return *pattern* if it is empty, or a regular expression with one group."""
    if pattern:
        try:
            n_groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        if n_groups != 1:
            raise ValueError(
                f"{pattern!r} has {n_groups} groups, wanted one in brackets: the site's name"
            )
    return pattern


SitePattern = Annotated[str, AfterValidator(check_site)]


class MonitorSection(Section):
    """When to tell a person."""

    false_alarms: Budget = parse_budget("1 per 30 days")
    """False alarms that you accept over all segments of the stream, in words."""
    interval_seconds: float = Field(default=10, gt=0, le=3600)
    """Seconds between two looks at the closed windows."""
    grace_seconds: float = Field(default=10, ge=0, le=86400)
    """Seconds of event time to wait for late events before a segment's window is judged; what comes
    later still is judged as well, by the next look."""
    idle_seconds: float = Field(default=60, gt=0, le=86400)
    """A segment that brought nothing for this many seconds, by the database's clock, is not waited
    for: its windows are judged as they are."""
    recovery_windows: int = Field(default=5, ge=1, le=1000)
    """Quiet windows in a row that resolve an alert; twice as many each time that it was opened
    again."""
    cool_down: Duration = timedelta(hours=1)
    """A change so soon (in event time) after an alert was last raised opens that alert again and pages
    nobody anew."""
    incident_windows: int = Field(default=5, ge=0, le=1000)
    """Changes of several segments that begin within so many windows of each other are one incident,
    which is one message to each receiver."""
    learn: Duration = timedelta(days=1)
    """How long a segment that the reference does not cover is learnt before it can alert."""
    grow: bool = True
    """Whether baselines grow by quiet traffic: days without an alert that lie near the first baseline."""
    grow_after: Duration = timedelta(days=1)
    """How long (in event time) a day's windows wait before they can join a baseline; an alert meanwhile
    keeps the whole day out."""
    grow_share: float = Field(default=0.25, gt=0, le=1)
    """Windows that join in a day, at most, as a share of the first baseline's."""
    forget: Duration = timedelta(days=30)
    """A segment that brought nothing for so long, by the database's clock, is let go: its baseline and
    evidence are deleted, its windows stay. If it returns, it is learnt anew."""
    silence_after: Duration = timedelta(minutes=10)
    """A segment, or the whole stream, that sends nothing for so long is told as silent, if its own pauses
    at these hours of the week were always shorter. Time in which no agent counted does not count."""
    gone_after: Duration = timedelta(days=3)
    """A segment that has sent nothing for so long is gone: its alerts end."""
    tested_within: Duration = timedelta(hours=1)
    """A segment is called tested only if a failure of all of its images would be told within so much of
    its traffic; `driftgauge segments` says how soon."""
    tests: Words = ("windows", "betting", "coarse", "gross", "label_shift")
    """The drift tests that run. The false-alarm budget is promised for these: the first three judge
    the images, and their mean is one alert; "label_shift" judges the classes that the model
    predicts, which is another, and has a fifth of the budget. "gross" adds gross changes where a
    segment's reference is too short for a promise: no rate is promised for it. docs/method.md
    lists the others, each with the rate of false alarms it was measured to have."""
    site: SitePattern = Field(default="", examples=[r"camera=(.+)-\d+"])
    """Which cameras belong together: a regular expression that matches a segment's whole name, and
    whose group is the site. An alert then says whether its camera changed alone or with the others
    of its site, and only alerts of one site make an incident. Empty knows no sites."""
    label_severity: Literal["info", "warning", "critical"] = "info"
    """Severity of an alert on the predicted classes."""
