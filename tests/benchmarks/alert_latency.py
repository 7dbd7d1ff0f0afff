"""Seconds from the end of the window that raised an alert to the message at its receivers.

The monitor, the deliveries and their schedule are the agent's own, at the default settings; windows of
ten seconds come in real time, as flushes bring them. The receivers are real.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driftgauge.agent.drift.monitor import Monitor
from driftgauge.agent.jobs.jobs import DELIVERY_SECONDS
from driftgauge.agent.jobs.schedule import Job, Schedule
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.wiring.monitor import monitor_settings
from driftgauge.agent.wiring.notify import build_delivery
from driftgauge.storage import (
    Database,
    FlushRecord,
    OffsetAdvance,
    SegmentAdvance,
    Store,
    WindowRecord,
)

from ..agent.drift.streams import normal_scores, pool_p_values, windows_of
from ..agent.notify.receiver import Receiver, receiving
from ..alertmanager import alerts_at, running_alertmanager
from ..mail import Mailbox, mail_server

STREAM, DETECTOR = "frames", "d1"
COLUMNS = ("early", "late", "*")
SECONDS = 10
EVENTS = 32
SHIFT = 3.0
REFERENCE_WINDOWS = 120
EVERY_WINDOWS = 3
"""Windows between two cameras' changes; they must not be one incident."""

Counts = NDArray[np.int64]


@dataclass
class Arrivals:
    """When each alert first was at each receiver, in seconds since 1970."""

    webhook: dict[int, float] = field(default_factory=dict)
    smtp: dict[int, float] = field(default_factory=dict)
    alertmanager: dict[int, float] = field(default_factory=dict)

    def note(self, receiver: Receiver, mailbox: Mailbox, alertmanager: str) -> None:
        """Look at every receiver."""
        bodies = b" ".join(body for _, body in receiver.taken).decode()
        subjects = " ".join(str(mail["Subject"]).replace("\n", "") for mail in mailbox.mails)
        found = {
            "webhook": re.findall(r'"alert_id": "(\d+)"', bodies),
            "smtp": re.findall(r"alert (\d+) opened", subjects),
            "alertmanager": [one["labels"]["alert_id"] for one in alerts_at(alertmanager)],
        }
        now = time.time()
        for name, numbers in found.items():
            for number in numbers:
                getattr(self, name).setdefault(int(number), now)


def measured(folder: Path, *, trials: int) -> dict[str, list[float]]:
    """Return each receiver's latencies in seconds; takes about half a minute a trial."""
    arrivals = Arrivals()
    with (
        receiving() as (receiver, hook),
        mail_server() as (mailbox, mail),
        running_alertmanager(folder) as alertmanager,
        _agent(folder, hook, mail, alertmanager, trials) as traffic,
    ):
        n_windows = EVERY_WINDOWS * (trials + 1) + 6
        for _ in range(n_windows):
            traffic.send()
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                arrivals.note(receiver, mailbox, alertmanager)
                time.sleep(0.05)
        closed = {
            alert.id or 0: alert.window_start.timestamp() + SECONDS
            for alert in traffic.store.alerts(STREAM)
        }
    return {
        name: [at - closed[number] for number, at in getattr(arrivals, name).items()]
        for name in ("webhook", "smtp", "alertmanager")
    }


class Traffic:
    """Brings a window of every camera when it has ended; camera k changes after its turn."""

    def __init__(self, store: Store, cameras: int) -> None:
        self.store = store
        self._cameras = cameras
        self._n = 0
        now = datetime.now(UTC)
        self._start = now - timedelta(seconds=now.timestamp() % SECONDS)

    def send(self) -> None:
        """Write the window that ends now."""
        segments = {
            f"camera={camera}": camera_windows(
                1, 1000 + 100 * camera + self._n, SHIFT if self._has_changed(camera) else 0.0
            )[0]
            for camera in range(self._cameras)
        }
        segments["*"] = np.sum(list(segments.values()), axis=0)
        start = self._start + self._n * timedelta(seconds=SECONDS)
        delay = (start + timedelta(seconds=SECONDS) - datetime.now(UTC)).total_seconds()
        time.sleep(max(0.0, delay))
        self._flush(segments, start)

    def _has_changed(self, camera: int) -> bool:
        return self._n >= EVERY_WINDOWS * (camera + 1)

    def _flush(self, segments: Mapping[str, Counts], start: datetime) -> None:
        end = start + timedelta(seconds=SECONDS)
        move = OffsetAdvance(STREAM, 0, self._n or None, self._n + 1, end)
        windows = [
            WindowRecord(name, layer, start, tuple(counts[column].tolist()), 0, 0, 0, 0)
            for name, counts in segments.items()
            for column, layer in enumerate(COLUMNS)
        ]
        advances = [SegmentAdvance(name, end) for name in segments]
        self.store.flush(FlushRecord(STREAM, DETECTOR, [move], windows, segments=advances))
        self._n += 1


@contextmanager
def _agent(
    folder: Path, hook: str, mail: str, alertmanager: str, cameras: int
) -> Iterator[Traffic]:
    settings = Settings.model_validate(
        {
            "stream": {"name": STREAM, "topic": STREAM},
            "model": {"factory": "a:b"},
            "windows": {"seconds": SECONDS},
            "monitor": {"incident_windows": 1},
            "notify": {
                "webhook_url": hook,
                "apprise_urls": mail,
                "alertmanager_url": alertmanager,
                "max_per_hour": 3600,
                "digest": "never",
            },
        }
    )
    database = Database(f"sqlite:///{folder}/driftgauge.db")
    database.upgrade()
    store = Store(database)
    store.ensure_stream(STREAM, STREAM, SECONDS)
    reference = {
        f"camera={camera}": camera_windows(REFERENCE_WINDOWS, camera, 0.0)
        for camera in range(cameras)
    }
    reference["*"] = np.sum(list(reference.values()), axis=0)
    monitor = Monitor(
        store,
        detector=DETECTOR,
        columns=COLUMNS,
        reference=reference,
        settings=monitor_settings(settings),
    )
    delivery = build_delivery(settings, store)
    jobs = [
        Job("monitor", monitor.turn, settings.monitor.interval_seconds),
        Job("alert delivery", delivery.turn, DELIVERY_SECONDS),
    ]
    failures: list[Exception] = []
    with Schedule(jobs, on_failure=failures.append):
        yield Traffic(store, cameras)
    delivery.close()
    database.close()
    if failures:
        raise failures[0]


def camera_windows(n: int, seed: int, shift: float) -> Counts:
    """Return ``(windows, columns, bins)`` of one camera."""
    columns = [
        windows_of(
            pool_p_values(normal_scores(n * EVENTS, 10 * seed + column, shift=shift)), EVENTS
        )
        for column in range(len(COLUMNS))
    ]
    return np.stack(columns, axis=1)
