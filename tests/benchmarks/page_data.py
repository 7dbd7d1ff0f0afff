"""What pages show beside the counts: a detector, baselines with their power, evidence, alerts, frames."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import numpy as np
from PIL import Image

from driftgauge.agent.drift.baseline import learn_baseline
from driftgauge.agent.drift.power import power_curves
from driftgauge.agent.drift.stored_baseline import to_stored
from driftgauge.storage import (
    WHOLE_SEGMENT,
    AlertRecord,
    Database,
    DetectorRecord,
    EvidenceRecord,
    FlushRecord,
    HeartbeatRecord,
    Judgement,
    MonitorState,
    OffsetAdvance,
    SegmentStateRow,
    Store,
)

from .monitor import KINDS, REFERENCE, SETTINGS, counts
from .sql_data import DETECTOR, END, LAYERS, Shape

STREAM = "line-0"
ALERTED = "camera=1"
N_ALERTS = 200
SIDE = 160


def add_what_pages_show(database: Database, shape: Shape) -> None:
    """Add it to a history that `make_history` made."""
    store = Store(database, now=lambda: END)
    names = ["*", *(f"camera={n}" for n in range(1, shape.segments))]
    rates = {"normal_rates": dict.fromkeys(names, 0.01)}
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "d1", END, status="active", manifest=rates)
    )
    _add_baselines(store, names)
    states = [
        SegmentStateRow(name, WHOLE_SEGMENT, b"{}", 1, 0.1 + 0.8 * (n % 97) / 97)
        for n, name in enumerate(names)
    ]
    alerts = [_alert(name) for name in names[1 : N_ALERTS + 1]]
    store.judge(
        Judgement(
            STREAM, None, MonitorState(END, ""), alerts, detector=DETECTOR, states=states,
        )
    )  # fmt: skip
    resolved = [row.id or 0 for row in store.alerts(STREAM) if row.segment != ALERTED]
    store.transition_alerts(resolved[: len(resolved) * 9 // 10], "resolved", at=END, by="ada")
    store.flush(
        FlushRecord(
            STREAM, DETECTOR, [OffsetAdvance("images", 0, None, 9, END)], evidence=_frames()
        )
    )
    store.heartbeat(
        HeartbeatRecord(agent="a/1", stream=STREAM, host="edge-7", version="1", condition="running")
    )


def _add_baselines(store: Store, names: list[str]) -> None:
    known = {str(kind): learn_baseline(counts(REFERENCE, kind, 1)) for kind in range(KINDS)}
    measured = {kind: one for kind, one in known.items() if one is not None}
    power = {kind: curve.dump() for kind, curve in power_curves(measured).items()}
    kinds = {name: str(n % KINDS) for n, name in enumerate(names)}
    rows = [
        to_stored(name, measured[kind], SETTINGS.tests, source="learnt", made_by="monitor")
        for name, kind in kinds.items()
    ]
    store.write_baselines(STREAM, DETECTOR, rows)
    revisions = store.baseline_revisions(STREAM, DETECTOR)
    store.write_power(
        STREAM, DETECTOR, {name: (revisions[name], power[kind]) for name, kind in kinds.items()}
    )


def _alert(segment: str) -> AlertRecord:
    begin = END - timedelta(hours=2)
    layers = [
        {"layer": layer, "depth": "early", "share": 0.2, "direction": "unusual"}
        for layer in LAYERS[1:]
    ]
    return AlertRecord(
        id=None, stream=STREAM, segment=segment, test="betting", detector=DETECTOR, state="open",
        severity="warning", opened_at=END, since=begin, window_start=begin,
        refreshed_at=END - timedelta(minutes=30), resolved_at=None, rate_now=0.2, rate_normal=0.01,
        events=3600, layers=layers, message=f"{segment}: 20 % of images out of distribution",
        rate_peak=0.3, log_e_value=20.0,
    )  # fmt: skip


def _frames() -> list[EvidenceRecord]:
    """Return frames of one segment, with pictures as large as an agent keeps them."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(40):
        is_unusual = number % 2 == 0
        noise = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).resize((SIDE, SIDE)).save(file, "JPEG", quality=80)
        at = END - timedelta(hours=2 if is_unusual else 3) + timedelta(minutes=number)
        one = EvidenceRecord(
            segment=ALERTED, window_start=at, kind="unusual" if is_unusual else "typical",
            topic="images", partition=0, offset=number, event_id=f"event-{number}", event_time=at,
            p_value=0.001, layer_p_values={"*": 0.001}, thumbnail=file.getvalue(),
        )  # fmt: skip
        found.append(one if is_unusual else replace(one, p_value=0.5))
    return found
