"""What the agent's database says right now, as a table and as lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from driftgauge.storage import LIVE_STATES, AlertRecord, RateRow, Store

from ..log import escaped
from ..pages.page import short_percent
from .faults import IN_WORDS
from .plan import WINDOW_SECONDS, Plan
from .verdict import explains
from .workspace import STREAM

if TYPE_CHECKING:
    from rich.table import Table

_RECENT_WINDOWS = 4


@dataclass(frozen=True, slots=True)
class CameraState:
    """One camera's line.

    Attributes:
        rate: OOD rate over its last windows; None before the first.
        alert: its newest alert.
    """

    camera: str
    events: int
    rate: float | None
    alert: AlertRecord | None

    @property
    def state(self) -> str:
        """``alert`` while one lives, else ``quiet``."""
        return "alert" if self.alert is not None and self.alert.state in LIVE_STATES else "quiet"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database at one moment.

    Attributes:
        counted: messages that the agent has counted.
        judged_until: the monitor's cursor.
        alerts: all of them, oldest first.
    """

    counted: int
    judged_until: datetime | None
    cameras: tuple[CameraState, ...]
    alerts: tuple[AlertRecord, ...]


def read_snapshot(store: Store, cameras: Sequence[str]) -> Snapshot:
    """Return what the database says now."""
    alerts = tuple(reversed(store.alerts(STREAM)))
    newest = {alert.segment: alert for alert in alerts}
    rates: defaultdict[str, list[RateRow]] = defaultdict(list)
    recent = (len(cameras) + 1) * _RECENT_WINDOWS
    for row in store.rates(STREAM, period="window", limit=recent):
        rates[row.segment].append(row)
    events = store.event_counts(STREAM)
    monitor = store.monitor_state(STREAM)
    return Snapshot(
        counted=sum(partition.next_offset for partition in store.partitions(STREAM)),
        judged_until=monitor.cursor if monitor else None,
        cameras=tuple(
            CameraState(name, events.get(segment, 0), _rate(rates[segment]), newest.get(segment))
            for name, segment in ((name, f"camera={name}") for name in cameras)
        ),
        alerts=alerts,
    )


def _rate(rows: Sequence[RateRow]) -> float | None:
    events = sum(row.events for row in rows)
    return sum(row.ood_events for row in rows) / events if events else None


def live_table(
    snapshot: Snapshot, plan: Plan, *, images_per_second: float | None, note: str = ""
) -> Table:
    """Return the table that is shown while the agent works."""
    from rich.table import Table
    from rich.text import Text

    speed = "starting" if images_per_second is None else f"{images_per_second:.0f} images/s"
    table = Table(
        title=f"{_progress(snapshot, plan)}, {speed}",
        caption=Text(escaped(_scene(snapshot, plan, note))),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("camera")
    table.add_column("frames", justify="right")
    for heading, width in (("out of distribution", 28), ("state", 6), ("last alert", 24)):
        table.add_column(heading, min_width=width)  # so that the table keeps its shape
    for row in snapshot.cameras:
        rate = (
            "" if row.rate is None else f"{short_percent(row.rate):>6} {'█' * round(20 * row.rate)}"
        )
        last = "" if row.alert is None else f"{row.alert.window_start:%H:%M:%S} ({row.alert.state})"
        style = "bold red" if row.state == "alert" else "green"
        table.add_row(
            Text(escaped(row.camera)), f"{row.events:,}", rate, f"[{style}]{row.state}[/]", last
        )
    return table


def progress_line(
    snapshot: Snapshot, plan: Plan, *, images_per_second: float | None, note: str = ""
) -> str:
    """Return the table's news in one line, for output that is no terminal."""
    speed = "starting" if images_per_second is None else f"{images_per_second:.0f} images/s"
    alerted = [row.camera for row in snapshot.cameras if row.state == "alert"]
    return (
        f"{_progress(snapshot, plan)}, {speed}; "
        f"open alerts: {', '.join(alerted) or 'none'}; {_scene(snapshot, plan, note)}"
    )


def _progress(snapshot: Snapshot, plan: Plan) -> str:
    """Return how many frames are counted, and of how many where that is known."""
    of = "" if plan.season else f" of {plan.n_live:,}"
    return f"{snapshot.counted:,}{of} frames"


def _scene(snapshot: Snapshot, plan: Plan, note: str) -> str:
    """Return what the demonstration is doing to the frames that the agent counts now, and *note*."""
    index = plan.live_from + max(0, snapshot.counted - 1) // len(plan.cameras)
    if plan.season:
        moved = f"the season has moved by {plan.season_share(index):.0%}"
        return f"{moved}; {note}" if note else moved
    for planned in plan.faults:
        if planned.fault.is_active(index):
            return f"fault now: {IN_WORDS[planned.fault.kind]} on {planned.camera}"
    return "fault now: none"


def alert_line(alert: AlertRecord, plan: Plan) -> str:
    """Return an alert in words, with what the demonstration knows of its reason."""
    message = alert.message.rstrip(". ")
    if plan.season and alert.window_start >= plan.time(plan.season.begins):
        return f"{message} [the season]"
    cause = next((fault for fault in plan.faults if explains(plan, fault, alert)), None)
    if cause is None:
        return f"{message} [no fault explains this: a false alarm]"
    ended_at = alert.window_start + timedelta(seconds=WINDOW_SECONDS)
    frames = round((ended_at - plan.time(cause.begins)).total_seconds())
    return f"{message} [{IN_WORDS[cause.fault.kind]}, started {frames} frames earlier]"
