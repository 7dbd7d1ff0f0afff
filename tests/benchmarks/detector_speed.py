"""How fast the detector alone is: a fit on many taps, and scores of one image and of many.

The taps are noise of the shapes that EfficientNet-Lite0 gives, both moments and pixels; what they
hold changes no cost.

Run: python -m tests.benchmarks.detector_speed [--taps N] [--steps N] [--device NAME]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from driftgauge.detector import PIXELS, STATISTICS, Detector, Training, fit_detector

from .table import Figure, write_benchmark

WIDTHS = {PIXELS: len(STATISTICS), "stem": 16, "early": 24, "middle": 40, "late": 112}
LAST = {"last": 1280}
"""The last stage, whose roughness is not tapped."""
BATCHES = (1, 16, 64, 256)
SECONDS = 2.0
LATENCY_ROUNDS = 200


def noise_taps(n: int, device: str) -> dict[str, Tensor]:
    """Return taps of *n* images."""
    generator = torch.Generator().manual_seed(n)
    rough = {f"{name}~roughness": width for name, width in WIDTHS.items() if name != PIXELS}
    found = {}
    for name, width in {**WIDTHS, **rough, **LAST}.items():
        found[name] = torch.randn(n, width, generator=generator).to(device)
    return found


def timed_fit(taps: Mapping[str, Tensor], steps: int | None) -> tuple[Detector, float]:
    """Return a default detector, and the seconds that fitting took."""
    n = len(next(iter(taps.values())))
    training = None if steps is None else Training(min_steps=steps, max_steps=steps)
    started = time.perf_counter()
    detector = fit_detector(
        taps, window_ids=np.arange(n) // 16, segments=[()] * n, training=training
    )
    return detector, time.perf_counter() - started


def latencies(detector: Detector, batch: int, device: str) -> list[float]:
    """Return the seconds of each call of `Detector.score`, which waits for the device."""
    taps, found = noise_taps(batch, device), list[float]()
    for _ in range(3):
        detector.score(taps)
    began = time.perf_counter()
    while len(found) < LATENCY_ROUNDS and (len(found) < 3 or time.perf_counter() - began < SECONDS):
        started = time.perf_counter()
        detector.score(taps).cpu()
        found.append(time.perf_counter() - started)
    return found


def main() -> None:
    """Print the table and write build/benchmarks/detector_speed.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taps", type=int, default=20_000)
    parser.add_argument("--steps", type=int, help="of training; unset is the default's length")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default)
    chosen = parser.parse_args()
    device = chosen.device
    on = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    detector, seconds = timed_fit(noise_taps(chosen.taps, device), chosen.steps)
    rows: list[dict[str, object]] = []
    for batch in BATCHES:
        found = latencies(detector, batch, device)
        middle, most = statistics.median(found), float(np.percentile(found, 99))
        rows.append(
            {
                "on": on,
                "batch": batch,
                "ms a batch": round(1000 * middle, 3),
                "99 % of batches, ms": round(1000 * most, 3),
                "images/s": round(batch / middle),
            }
        )
    steps = detector.figures["steps"]
    figures = [
        Figure(f"fit on {chosen.taps} taps, {on}", round(seconds, 1), "s"),
        Figure("steps of its training", steps, "steps"),
    ]
    write_benchmark("detector_speed", rows, figures)


if __name__ == "__main__":
    main()
