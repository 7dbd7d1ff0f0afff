"""A database as the agent would leave it after a run, written in a second without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.plan import WINDOW_SECONDS, Plan, PlannedFault, Spans, plan_run
from driftgauge.agent.demo.scenes import CAMERAS, photograph_cameras
from driftgauge.storage import (
    N_BINS,
    AlertRecord,
    DetectorRecord,
    EvidenceRecord,
    FlushRecord,
    Judgement,
    MonitorState,
    OffsetAdvance,
    Store,
    WindowRecord,
)

STREAM, TOPIC, DETECTOR = "camera-frames", "camera-frames", "d1"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
WINDOW = timedelta(seconds=WINDOW_SECONDS)


def plan() -> Plan:
    """Return the demonstration's own plan."""
    return plan_run(CAMERAS, spans=Spans(), severity="mild", seed=3, now=NOW)


def alert_for(run: Plan, planned: PlannedFault, *, windows: int = 1) -> AlertRecord:
    """Return an alert raised *windows* windows after the one in which the fault began."""
    begun = run.time(planned.begins - planned.begins % WINDOW_SECONDS)
    raised = begun + windows * WINDOW
    return AlertRecord(
        id=None, stream=STREAM, segment=f"camera={planned.camera}", test="betting",
        detector=DETECTOR, state="open", severity="warning", opened_at=NOW, since=begun,
        window_start=raised, refreshed_at=run.time(planned.ends), resolved_at=None,
        rate_now=0.41, rate_normal=0.008, events=32, layers=[],
        message=(
            f"camera {planned.camera}: 41 % of images out of distribution since "
            f"{begun:%H:%M:%S}, normally 0.8 %. Early layers moved most (blocks.0, blocks.1): "
            "look at the lens, the exposure and the light."
        ),
    )  # fmt: skip


def write_run(
    store: Store, run: Plan, alerts: Sequence[AlertRecord], *, thumbnails: bool = True
) -> None:
    """Write windows, evidence and *alerts*."""
    store.ensure_stream(STREAM, TOPIC, WINDOW_SECONDS)
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "d", NOW, status="active", manifest={})
    )
    advance = OffsetAdvance(TOPIC, 0, None, run.n_live, run.time(run.frames - 1))
    evidence = list(_evidence(run))
    if not thumbnails:
        evidence = [replace(record, thumbnail=None) for record in evidence]
    store.flush(FlushRecord(STREAM, DETECTOR, [advance], list(_windows(run)), evidence))
    monitor = MonitorState(cursor=run.time(run.frames), state="{}")
    store.judge(Judgement(STREAM, None, monitor, alerts))


def _windows(run: Plan) -> list[WindowRecord]:
    random = np.random.default_rng(1)
    found = []
    for camera in run.cameras:
        for begin in range(run.live_from, run.frames, WINDOW_SECONDS):
            faulty = sum(
                run.fault(camera, index) is not None
                for index in range(begin, begin + WINDOW_SECONDS)
            )
            ood = random.binomial(faulty, 0.7) + random.binomial(WINDOW_SECONDS - faulty, 0.01)
            counts = [0] * N_BINS
            counts[3], counts[12] = int(ood), int(WINDOW_SECONDS - ood)
            found.append(
                WindowRecord(f"camera={camera}", "*", run.time(begin), tuple(counts), 1, 1)
            )
    return found


def _evidence(run: Plan) -> list[EvidenceRecord]:
    cameras = {camera.name: camera for camera in photograph_cameras()}
    found = []
    for planned in run.faults:
        for number, index in enumerate(
            (*range(4), *range(planned.begins, planned.begins + 40, 10))
        ):
            is_unusual = index >= planned.begins
            index = index if is_unusual else planned.begins - 30 - index  # noqa: PLW2901
            found.append(
                EvidenceRecord(
                    f"camera={planned.camera}", run.time(index - index % WINDOW_SECONDS),
                    "unusual" if is_unusual else "typical", TOPIC, 0, number + 100 * planned.begins,
                    f"{planned.camera}-{index}", run.time(index), 0.0021 if is_unusual else 0.48,
                    {"*": 0.0021},
                    frame(cameras[planned.camera], index, seed=1, fault=planned.fault),
                )
            )  # fmt: skip
    return found
