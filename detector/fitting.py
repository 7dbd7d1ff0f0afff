"""Trains the denoiser on normalised taps."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .denoiser import Denoiser
from .noise import N_STEPS, add_noise, signal_shares

HELD_OUT_SHARE = 0.1
EVALUATIONS = 20
EMA_DECAY = 0.995
FUSED_ON = ("cpu", "cuda")
MIXED_ON = "cuda"
"""Devices with one kernel for the whole optimiser; the one whose products are in bfloat16."""


@dataclass(frozen=True, slots=True)
class Training:
    """How long and how hard to train.

    Attributes:
        n_epochs: passes over the samples at most.
        min_steps: optimiser steps that even a small reference gets.
        max_steps: optimiser steps at most.
        batch: samples a step.
        learning_rate: peak of a one-cycle schedule.
        patience: evaluations without improvement before training stops early.
    """

    n_epochs: int = 60
    min_steps: int = 400
    max_steps: int = 20_000
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    patience: int = 5

    def n_steps(self, n_samples: int) -> int:
        """Return how many optimiser steps *n_samples* get."""
        steps = self.n_epochs * n_samples // self.batch
        return min(max(steps, self.min_steps), self.max_steps)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a long job stands: *done* of *total*, and a figure worth watching."""

    done: int
    total: int
    loss: float


OnProgress = Callable[[Progress], None]


def train_denoiser(
    clean: Tensor,
    *,
    width: int,
    n_blocks: int,
    seed: int,
    training: Training | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Denoiser, dict[str, float]]:
    """Train on ``z0``; return the averaged network that was best on held-out samples.

    Args:
        clean: normalised taps, ``(n, channels)``, on the device to train on.
        width: of the denoiser's residual stream.
        n_blocks: of the denoiser.
        seed: makes the run repeatable on one machine.
        training: lengths and rates.
        on_progress: called after each evaluation.

    Returns:
        The denoiser in evaluation mode, and figures: ``steps``, ``held_out_loss``, ``seconds``.
    """
    plan = training or Training()
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(clean), generator=generator)
    n_held = max(1, int(len(clean) * HELD_OUT_SHARE))
    held, train = clean[order[:n_held]], clean[order[n_held:]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Denoiser(clean.shape[1], width=width, n_blocks=n_blocks).to(clean.device)
    best, figures = _optimise(
        network, train, held, plan=plan, generator=generator, on_progress=on_progress
    )
    figures["seconds"] = time.perf_counter() - started
    return best.eval().requires_grad_(requires_grad=False), figures


def _optimise(
    network: Denoiser,
    train: Tensor,
    held: Tensor,
    *,
    plan: Training,
    generator: torch.Generator,
    on_progress: OnProgress | None,
) -> tuple[Denoiser, dict[str, float]]:
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=plan.learning_rate,
        weight_decay=plan.weight_decay,
        fused=train.device.type in FUSED_ON,
    )
    n_steps = plan.n_steps(len(train))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=plan.learning_rate, total_steps=n_steps, pct_start=0.1
    )
    average, best, best_loss, stale = (
        copy.deepcopy(network),
        copy.deepcopy(network),
        float("inf"),
        0,
    )
    probe = _noised(held, torch.Generator().manual_seed(0))
    every = max(n_steps // EVALUATIONS, 1)
    step = 0
    for step in range(1, n_steps + 1):
        rows = torch.randint(len(train), (min(plan.batch, len(train)),), generator=generator)
        _step(network, train[rows], optimiser, generator)
        schedule.step()
        _average(average, network, decay=min(EMA_DECAY, step / (step + 10)))
        if step % every and step != n_steps:
            continue
        loss = _loss(average, held, probe)
        best_loss, stale = (loss, 0) if loss < best_loss else (best_loss, stale + 1)
        if not stale:
            best.load_state_dict(average.state_dict())
        if on_progress is not None:
            on_progress(Progress(done=step, total=n_steps, loss=loss))
        if stale >= plan.patience:
            break
    return best, {"steps": float(step), "held_out_loss": best_loss}


def _step(
    network: Denoiser, clean: Tensor, optimiser: torch.optim.Optimizer, generator: torch.Generator
) -> None:
    noised, steps = _noised(clean, generator)
    with torch.autocast(MIXED_ON, torch.bfloat16, enabled=clean.device.type == MIXED_ON):
        restored = network(noised, steps)
    loss = (restored.float() - clean).square().mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


def _noised(clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    steps = torch.randint(N_STEPS, (len(clean),), generator=generator)
    noise = torch.randn(clean.shape, generator=generator).to(clean.device)
    shares = signal_shares()[steps].float()[:, None].to(clean.device)
    return add_noise(clean, noise, shares), steps.to(clean.device)


@torch.no_grad()
def _loss(network: Denoiser, clean: Tensor, probe: tuple[Tensor, Tensor]) -> float:
    noised, steps = probe
    return float((network(noised, steps) - clean).square().mean())


@torch.no_grad()
def _average(average: Denoiser, network: Denoiser, *, decay: float) -> None:
    for kept, new in zip(average.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1.0 - decay)
