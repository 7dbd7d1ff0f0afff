"""False alarms and delays on real fixed cameras: the detector and the bets without a broker.

One detector is fitted on the first part of all cameras together; each camera's bets stand on its
own held-out reference frames; the rest is judged in order of time, in windows of 16 frames.

Run: python -m tests.benchmarks.streams FOLDER   (zips of JPEG frames in time order)
"""

from __future__ import annotations

import argparse
import io
import math
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.drift.baseline import Baseline, learn_baselines
from driftgauge.agent.fit.example import Example
from driftgauge.agent.fit.gather import UNTIMED_WINDOW, Reference, gather_reference
from driftgauge.agent.fit.tap_store import open_until_done
from driftgauge.agent.model.load import load_model
from driftgauge.agent.model.scorer import LayerReader
from driftgauge.detector import (
    Detector,
    count_windows,
    fit_detector,
    score_all,
    select_layers,
)

from ..agent.drift.one_segment import OneSegment
from .table import Figure, write_benchmark

A = 1000.0
REFERENCE_SHARE = 0.35


@dataclass(frozen=True)
class Stream:
    """One camera; *fault_from* is the first frame of a real fault, None where there is none."""

    name: str
    frames: int
    fault_from: int | None = None

    @property
    def n_reference(self) -> int:
        """Frames that the detector and the camera's baseline are learnt from."""
        return int((self.fault_from or self.frames) * REFERENCE_SHARE)


STREAMS = (
    Stream("vegas_site", 1479, fault_from=917),
    Stream("pets2001_carpark", 912),
    Stream("office_entry", 1394),
    Stream("campus_vtest", 795),
    Stream("cdnet_highway", 850),
)


def images(folder: Path, stream: Stream, rows: range) -> Iterator[NDArray[np.uint8]]:
    """Yield frames of a stream."""
    with zipfile.ZipFile(folder / f"{stream.name}.zip") as archive:
        for row in rows:
            encoded = archive.read(f"{row:06d}.jpg")
            yield np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def reference(folder: Path) -> Iterator[Example]:
    """Yield every stream's first part."""
    for stream in STREAMS:
        frames = images(folder, stream, range(stream.n_reference))
        for number, image in enumerate(frames):
            yield Example(image, (f"camera={stream.name}",), number=number)


def gather(examples: Iterator[Example], reader: LayerReader) -> Reference:
    """Read them, with their taps in a folder that nobody needs afterwards."""
    with tempfile.TemporaryDirectory() as folder, open_until_done(Path(folder) / "taps") as store:
        return gather_reference(
            examples, reader, store, batch=16, window_seconds=1, on_images=lambda n: None
        )


def live_windows(
    folder: Path, stream: Stream, detector: Detector, reader: LayerReader
) -> NDArray[np.int64]:
    """Return the counts of everything after the reference, ``(windows, columns, bins)``."""
    rows = range(stream.n_reference, stream.frames)
    examples = (Example(image, ()) for image in images(folder, stream, rows))
    live = gather(examples, reader)
    scores = score_all(detector, live.taps, live.rows)
    uniforms = np.random.default_rng(0).uniform(1e-9, 1.0, len(scores))
    _, p_values = detector.p_values(scores, uniforms)
    return count_windows(p_values, np.arange(len(scores)) // UNTIMED_WINDOW)


def alarms(baseline: Baseline, windows: NDArray[np.int64]) -> list[int]:
    """Return the windows at which the camera alarms; evidence starts anew after each."""
    from datetime import UTC, datetime

    state, found = OneSegment(baseline), []
    for number, counts in enumerate(windows):
        moment = datetime.fromtimestamp(number + 1, UTC)
        if state.add(counts, moment)["betting"] >= math.log(A):
            found.append(number)
            state.restart("betting")
    return found


def row(stream: Stream, baseline: Baseline | None, windows: NDArray[np.int64]) -> dict[str, object]:
    """Return one line of the table; a camera without a baseline is not tested."""
    found = [] if baseline is None else alarms(baseline, windows)
    fault = None
    if stream.fault_from is not None:
        fault = (stream.fault_from - stream.n_reference) // UNTIMED_WINDOW
    quiet = [number for number in found if fault is None or number < fault]
    late = [number for number in found if fault is not None and number >= fault]
    n_quiet = len(windows) if fault is None else fault
    return {
        "camera": stream.name,
        "reference": stream.n_reference,
        "effective": "too little" if baseline is None else round(baseline.effective_events),
        "quiet windows": n_quiet,
        "tested": 0 if baseline is None else n_quiet,
        "false alarms": len(quiet),
        "windows to the fault's alarm": ""
        if fault is None
        else (late[0] - fault + 1 if late else "-"),
    }


def main() -> None:
    """Print the table and write build/benchmarks/streams.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    loaded = load_model(
        source=None, factory="driftgauge.agent.demo.lite0:build_lite0", image_size=160
    )
    sample = loaded.transform(Image.new("RGB", (256, 256)))[None]
    reader = LayerReader(loaded, select_layers(loaded.model, sample))
    known = gather(reference(folder), reader)
    detector = fit_detector(
        known.taps, window_ids=known.window_ids, segments=known.segments, rows=known.rows
    )
    baselines = learn_baselines(detector.reference)
    rows = [
        row(
            stream,
            baselines.get(f"camera={stream.name}"),
            live_windows(folder, stream, detector, reader),
        )
        for stream in STREAMS
    ]
    total = sum(int(str(r["false alarms"])) for r in rows)
    quiet = sum(int(str(r["quiet windows"])) for r in rows)
    tested = sum(int(str(r["tested"])) for r in rows)
    delays = [r["windows to the fault's alarm"] for r in rows if r["windows to the fault's alarm"]]
    figures = [
        Figure(
            "false alarms on real cameras",
            total,
            f"in {quiet} quiet windows, {tested} of them tested",
            f"at most 1 at A = {A:g}",
            total <= 1,
        ),
        Figure("faults missed", delays.count("-"), f"of {len(delays)}", "0", "-" not in delays),
    ]
    write_benchmark("streams", rows, figures)


if __name__ == "__main__":
    main()
