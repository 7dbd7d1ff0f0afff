"""What the detector costs beside the model it watches, for one model of each family.

A bare model and a copy with taps take turns on the same batch of noise images, and after each
tapped pass the detector scores its taps, so that both find their weights as cold as in production.
Models are in the layout that the agent gives them (channels last), with random weights, and freed
memory is kept, as the agent keeps it (``--give-back`` leaves glibc's defaults); the detector is the
default one, both moments of the model's own layers and the pixels, fitted for a moment on taps of
noise. None of it changes what a pass costs. The pixels' statistics do not depend on the
model, so their cost stands apart: milliseconds an image.

On a processor, times are the process's processor time, which other work on the machine does not
enter, and pooling is what is spent in the taps' hooks; the paired difference of the two forward
passes stands beside it as a check, with more noise than the goal. On a GPU, times are from one
synchronisation to the next and pooling is the paired difference.

Run: python -m tests.benchmarks.cost [--families NAME ...] [--batches N ...] [--seconds N]
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from driftgauge.agent.fit.fit import choose_taps
from driftgauge.agent.process.allocator import keep_freed_memory
from driftgauge.detector import (
    PIXELS,
    STATISTICS,
    LayerTaps,
    Training,
    describe_layers,
    fit_detector,
    measure_samples,
    sample_pixels,
    select_layers,
)

from .arrangement import ARRANGEMENTS, Arrangement, Passes, Run
from .table import Figure, write_benchmark

FAMILIES = (
    "tf_efficientnet_lite0",
    "mobilenetv3_large_100",
    "resnet50",
    "convnext_tiny",
    "vit_small_patch16_224",
    "swin_tiny_patch4_window7_224",
)
BATCHES = (1, 16, 64, 256)
JUDGED_BATCH = 64
MOST_PERCENT = 2.0
SIDE = 224
N_NOISE_IMAGES = 16
N_REFERENCE = 240
N_PIXEL_ROUNDS = 50
MOST_ROUNDS = 40
FEWEST_ROUNDS = {1: 10, 16: 5, 64: 3}
"""Rounds at least, by batch; 2 for those not listed."""


@dataclass(slots=True)
class Times:
    """Seconds of each round.

    Attributes:
        pooling: what taps add to a pass.
    """

    bare: list[float] = field(default_factory=list)
    tapped: list[float] = field(default_factory=list)
    pooling: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)

    def shares(self) -> tuple[float, float, float]:
        """Return pooling, the paired difference, and the whole detector in per cent of a pass."""
        pooling = [100 * p / b for p, b in zip(self.pooling, self.bare, strict=True)]
        paired = [100 * (t / b - 1) for t, b in zip(self.tapped, self.bare, strict=True)]
        score = [100 * s / b for s, b in zip(self.score, self.bare, strict=True)]
        whole = statistics.median(pooling) + statistics.median(score)
        return statistics.median(pooling), statistics.median(paired), whole


def build_host(family: str, device: str) -> nn.Module:
    """Return a model with random weights, ready to infer."""
    import timm

    torch.manual_seed(0)
    model: nn.Module = timm.create_model(family, pretrained=False)
    model = model.eval().to(device)
    return model.to(memory_format=torch.channels_last)


def noise_images(n: int, device: str) -> Tensor:
    """Return *n* pictures of noise, the same each time."""
    images = torch.randn(n, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(n))
    return images.to(device, memory_format=torch.channels_last)


@torch.inference_mode()
def noise_taps(model: nn.Module, layers: Sequence[str], device: str) -> dict[str, Tensor]:
    """Return taps of few noise images, drawn again with some noise: enough for a fit."""
    with LayerTaps(model, layers) as taps:
        model(noise_images(N_NOISE_IMAGES, device))
        pooled = taps.pooled()
    rows = torch.arange(N_REFERENCE) % N_NOISE_IMAGES
    drawn = {layer: tap[rows.to(device)] for layer, tap in pooled.items()}
    return {k: tap + 0.5 * tap.std() * torch.randn_like(tap) for k, tap in drawn.items()}


def noise_statistics(device: str, n: int = N_REFERENCE) -> dict[str, Tensor]:
    """Return statistics of pixels of noise: what they are changes no cost."""
    drawn = torch.randn(n, len(STATISTICS), generator=torch.Generator().manual_seed(n))
    return {PIXELS: drawn.to(device)}


def pixels_milliseconds(height: int = 480, width: int = 640, *, batch: int = 64) -> float:
    """Return the processor time of one picture's statistics in a batch; its size hardly matters."""
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    spent = []
    for _ in range(N_PIXEL_ROUNDS):
        started = time.process_time()
        measure_samples([sample_pixels(picture) for _ in range(batch)])
        spent.append(time.process_time() - started)
    return 1000 * statistics.median(spent) / batch


@contextmanager
def hosted(family: str, how: Arrangement) -> Iterator[Passes]:
    """Give a bare model, its tapped copy and a detector for it."""
    bare = build_host(family, how.device)
    sample = noise_images(1, how.device)
    layouts = describe_layers(bare, select_layers(bare, sample), sample)
    taps = [tap for tap in choose_taps(layouts, None, has_pixels=True) if tap != PIXELS]
    twin = copy.deepcopy(bare)
    detector = fit_detector(
        noise_statistics(how.device) | noise_taps(bare, taps, how.device),
        window_ids=np.arange(N_REFERENCE),
        segments=[()] * N_REFERENCE,
        training=Training(min_steps=20, max_steps=20),
    )
    with LayerTaps(twin, taps) as tapped:
        yield Passes(how, bare, twin, tapped, detector)


@torch.inference_mode()
def measure(passes: Passes, batch: int, seconds: float) -> Times:
    """Let bare, and tapped with its score, take turns for about *seconds*."""
    few = min(batch, N_NOISE_IMAGES)
    trial = passes.prepare(noise_images(few, passes.how.device))
    started = time.perf_counter()
    _round(trial, Times(), tapped_first=True)
    once = (time.perf_counter() - started) * batch / few
    n_rounds = max(FEWEST_ROUNDS.get(batch, 2), min(int(seconds / once), MOST_ROUNDS))
    run, times = passes.prepare(noise_images(batch, passes.how.device)), Times()
    for number in range(n_rounds):
        _round(run, times, tapped_first=bool(number % 2))
    return times


def _round(run: Run, times: Times, *, tapped_first: bool) -> None:
    if not tapped_first:
        times.bare.append(run.seconds(run.bare)[0])
    spent = run.hook_seconds()
    tapped, taps = run.seconds(run.tapped)
    times.tapped.append(tapped)
    pooling = run.hook_seconds() - spent
    taps = {**taps, **run.pixels}
    times.score.append(run.seconds(lambda: run.score(taps))[0])
    if tapped_first:
        times.bare.append(run.seconds(run.bare)[0])
    times.pooling.append(pooling if run.accounts else tapped - times.bare[-1])


def rows_of(
    family: str, how: Arrangement, chosen: argparse.Namespace, *, ends_at: float = float("inf")
) -> Iterator[dict[str, object]]:
    """Yield a row for each batch size that there is time for."""
    with hosted(family, how) as passes:
        for batch in chosen.batches:
            if time.monotonic() > ends_at:
                print(f"{how.name}, {family}, batch {batch}: no time left", file=sys.stderr)
                continue
            row = _row(family, passes, batch, measure(passes, batch, chosen.seconds))
            told = f"{how.name}, {family}, batch {batch}: {row['detector %']} %"
            print(f"{told} in {row['rounds']} rounds", file=sys.stderr, flush=True)
            yield row


def _row(family: str, passes: Passes, batch: int, times: Times) -> dict[str, object]:
    pooling, paired, whole = times.shares()
    alone = statistics.median(times.pooling) + statistics.median(times.score)
    return {
        "on": passes.how.name,
        "family": family,
        "channels": sum(passes.detector.normaliser.channels.values()),
        "batch": batch,
        "rounds": len(times.bare),
        "forward ms/image": round(1000 * statistics.median(times.bare) / batch, 3),
        "pooling %": round(pooling, 2),
        "paired %": round(paired, 2),
        "detector %": round(whole, 2),
        "detector images/s": round(batch / alone),
        "layers": list(passes.detector.layers),
    }


def figures(rows: Sequence[Mapping[str, object]]) -> list[Figure]:
    """Return the share at the judged batch with its goal."""
    return [
        Figure(
            f"{row['family']}, {row['on']}, batch {JUDGED_BATCH}",
            share,
            "% of forward",
            f"at most {MOST_PERCENT:g}",
            share <= MOST_PERCENT,
        )
        for row in rows
        if row["batch"] == JUDGED_BATCH
        for share in [float(str(row["detector %"]))]
    ]


def measure_all(chosen: argparse.Namespace) -> tuple[list[dict[str, object]], list[str]]:
    """Return the rows, and what there was no time for; nothing new begins after the limit."""
    usable = [how for how in ARRANGEMENTS if how.name in chosen.arrangements and not how.why_not()]
    for how in ARRANGEMENTS:
        if how.name in chosen.arrangements and (reason := how.why_not()):
            print(f"{how.name}: skipped, {reason}", file=sys.stderr)
    began = time.monotonic()
    rows: list[dict[str, object]] = []
    left = []
    for how in usable:
        for family in chosen.families:
            if time.monotonic() - began < chosen.limit:
                rows += rows_of(family, how, chosen, ends_at=began + chosen.limit)
            else:
                left.append(f"{how.name} {family}")
    return rows, left


def main() -> None:
    """Print the table and write build/benchmarks/cost.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--seconds", type=float, default=20.0, help="a row, about")
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    names = [how.name for how in ARRANGEMENTS]
    default = [how.name for how in ARRANGEMENTS if how.is_default]
    parser.add_argument("--arrangements", nargs="+", choices=names, default=default)
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds for new rows")
    parser.add_argument("--give-back", action="store_true", help="freed memory, as glibc does")
    chosen = parser.parse_args()
    if not chosen.give_back:
        keep_freed_memory()
    torch.set_num_threads(chosen.threads)
    rows, not_measured = measure_all(chosen)
    pixels = Figure("statistics of pixels", round(pixels_milliseconds(), 2), "ms an image")
    write_benchmark("cost", rows, [pixels, *figures(rows)], hidden=("layers",))
    if not_measured:
        print(f"not measured in {chosen.limit:g} s: {', '.join(not_measured)}")


if __name__ == "__main__":
    main()
