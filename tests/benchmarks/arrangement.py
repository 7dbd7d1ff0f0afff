"""How a model and its detector are run to be timed: eager, compiled, or as CUDA graphs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from driftgauge.detector import PIXELS, STATISTICS, Detector, LayerTaps

from .hook_clock import HookClock

Kind = Literal["eager", "compiled", "graph"]
Taps = Mapping[str, Tensor]
Result = TypeVar("Result")
WARM_UPS = 3


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where and how.

    Attributes:
        halved: the model runs in bfloat16 autocast, as the agent's can.
        is_default: measured unless others are asked for.
    """

    name: str
    device: str
    kind: Kind
    halved: bool = False
    is_default: bool = True

    def why_not(self) -> str:
        """Return why it cannot be measured here, or nothing."""
        if self.device == "cuda" and not torch.cuda.is_available():
            return f"torch {torch.__version__} sees no CUDA device"
        return ""


ARRANGEMENTS = (
    Arrangement("CPU", "cpu", "eager"),
    Arrangement("GPU", "cuda", "eager"),
    Arrangement("GPU bf16", "cuda", "eager", halved=True),
    Arrangement("GPU bf16 compiled", "cuda", "compiled", halved=True),
    Arrangement("GPU bf16 CUDA graph", "cuda", "graph", halved=True),
    Arrangement("CPU compiled", "cpu", "compiled", is_default=False),
)


@dataclass(slots=True)
class Run:
    """One batch, ready to be run again and again.

    Attributes:
        accounts: whether `hook_seconds` tells what pooling took.
        pixels: taps that no layer gives, to be scored with the others.
    """

    bare: Callable[[], object]
    tapped: Callable[[], Taps]
    score: Callable[[Taps], Tensor]
    accounts: bool
    clock: HookClock
    pixels: Taps

    def hook_seconds(self) -> float:
        """Return the seconds spent in hooks so far."""
        return self.clock.seconds

    def seconds(self, run: Callable[[], Any]) -> tuple[float, Any]:
        """Return how long *run* takes, and what it gives."""
        if self.accounts:
            started = time.process_time()
            result = run()
            return time.process_time() - started, result
        torch.cuda.synchronize()
        started = time.perf_counter()
        result = run()
        torch.cuda.synchronize()
        return time.perf_counter() - started, result


class Passes:
    """A bare model, its tapped copy and the detector, under one arrangement.

    Args:
        taps: entered, on *twin*.
    """

    def __init__(
        self,
        how: Arrangement,
        bare: nn.Module,
        twin: nn.Module,
        taps: LayerTaps,
        detector: Detector,
    ) -> None:
        self.how = how
        self.detector = detector
        self._taps = taps
        self._clock = HookClock(time.process_time)
        if how.device == "cpu":
            self._clock.watch(twin)
        self._bare: Callable[[Tensor], object] = bare
        self._twin: Callable[[Tensor], object] = twin
        if how.kind == "compiled":
            self._bare, self._twin = torch.compile(bare), torch.compile(twin)

    def prepare(self, images: Tensor) -> Run:
        """Return the passes over *images*, warm."""
        bare: Callable[[], object] = lambda: self._forward(self._bare, images)  # noqa: E731

        def tapped() -> Taps:
            self._forward(self._twin, images)
            return self._taps.pooled()

        score: Callable[[Taps], Tensor] = self.detector.score
        pixels = {PIXELS: torch.randn(len(images), len(STATISTICS), device=images.device)}
        if self.how.kind == "graph":
            bare, tapped = captured(bare), captured(tapped)
            score = self._captured_score({**tapped(), **pixels})
        for _ in range(WARM_UPS if self.how.device == "cuda" else 0):
            bare()
            score({**tapped(), **pixels})
        return Run(bare, tapped, score, self.how.device == "cpu", self._clock, pixels)

    def _forward(self, model: Callable[[Tensor], object], images: Tensor) -> object:
        # A graph must not hold casts of weights that live only as long as the context.
        is_cached = self.how.kind != "graph"
        with torch.autocast(
            "cuda", torch.bfloat16, enabled=self.how.halved, cache_enabled=is_cached
        ):
            return model(images)

    def _captured_score(self, taps: Taps) -> Callable[[Taps], Tensor]:
        """Return a score whose networks are one graph; its checks wait for the device outside."""
        clean = self.detector.normaliser(taps)
        replay = captured(lambda: self.detector.method(clean))

        def score(taps: Taps) -> Tensor:
            clean.copy_(self.detector.normaliser(taps))
            scores: Tensor = replay()
            if not bool(torch.isfinite(scores).all()):
                raise ValueError("scores are not finite")
            return scores

        return score


def captured(run: Callable[[], Result]) -> Callable[[], Result]:
    """Return *run* as a CUDA graph, whose result is overwritten by each replay."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # as torch has it
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = run()

    def replay() -> Result:
        graph.replay()
        return result

    return replay
