"""Trains the denoiser on normalised taps."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from .denoiser import Denoiser
from .noise import N_STEPS, add_noise, signal_shares
from .training_state import TrainingState, name_run

HELD_OUT_SHARE = 0.1
EVALUATIONS = 20
EMA_DECAY = 0.995
WARM_UP_SHARE = 0.1
FEWEST_SCHEDULED = 20
"""Steps that the learning rate is planned for at least: a shorter plan has no room to warm up."""
FUSED_ON = ("cpu", "cuda")
"""Devices with one kernel for the whole optimiser."""

MIXED_ON = "cuda"
"""The device on which training's matrix products are in bfloat16."""


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

    def __post_init__(self) -> None:
        """Refuse what trains nothing."""
        for name in ("max_steps", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"got {name} {getattr(self, name)}, wanted at least 1")

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
    checkpoint: Path | None = None,
) -> tuple[Denoiser, dict[str, float]]:
    """Train on ``z0``; return the averaged network that was best on held-out samples.

    Args:
        clean: normalised taps, ``(n, channels)``, on the device to train on.
        width: of the denoiser's residual stream.
        n_blocks: of the denoiser.
        seed: makes the run repeatable on one machine.
        training: lengths and rates.
        on_progress: called after each evaluation.
        checkpoint: file for the state after each evaluation; if it belongs to this run, training
            continues from it, bit-identical to an uninterrupted run. None writes no file.

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
    state = _begin(network, plan, generator, n_samples=len(train))
    run = ""
    if checkpoint is not None:
        run = name_run(clean, seed=seed, width=width, n_blocks=n_blocks, plan=asdict(plan))
        state.restore(checkpoint, run)

    def on_evaluation(progress: Progress) -> None:
        if checkpoint is not None:
            state.save(checkpoint, run)
        if on_progress is not None:
            on_progress(progress)

    best, figures = _optimise(state, train, held, plan=plan, on_evaluation=on_evaluation)
    figures["seconds"] = time.perf_counter() - started
    return best.eval().requires_grad_(requires_grad=False), figures


def _begin(
    network: Denoiser, plan: Training, generator: torch.Generator, *, n_samples: int
) -> TrainingState:
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=plan.learning_rate,
        weight_decay=plan.weight_decay,
        fused=next(network.parameters()).device.type in FUSED_ON,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=plan.learning_rate,
        total_steps=max(plan.n_steps(n_samples), FEWEST_SCHEDULED),
        pct_start=WARM_UP_SHARE,
    )
    average, best = copy.deepcopy(network), copy.deepcopy(network)
    return TrainingState(network, average, best, optimiser, schedule, generator)


def _optimise(
    state: TrainingState,
    train: Tensor,
    held: Tensor,
    *,
    plan: Training,
    on_evaluation: OnProgress,
) -> tuple[Denoiser, dict[str, float]]:
    n_steps = plan.n_steps(len(train))
    probe = _noised(held, torch.Generator().manual_seed(0))
    every = max(n_steps // EVALUATIONS, 1)
    n_batch = min(plan.batch, len(train))
    while state.step < n_steps and state.stale < plan.patience:
        state.step += 1
        rows = torch.randint(len(train), (n_batch,), generator=state.generator)
        _step(state.network, train[rows], state.optimiser, state.generator)
        state.schedule.step()
        _average(state.average, state.network, decay=min(EMA_DECAY, state.step / (state.step + 10)))
        if state.step % every == 0 or state.step == n_steps:
            loss = _evaluate(state, held, probe)
            on_evaluation(Progress(done=state.step, total=n_steps, loss=loss))
    return state.best, {"steps": float(state.step), "held_out_loss": state.best_loss}


def _evaluate(state: TrainingState, held: Tensor, probe: tuple[Tensor, Tensor]) -> float:
    loss = _loss(state.average, held, probe)
    if loss < state.best_loss:
        state.best_loss, state.stale = loss, 0
        state.best.load_state_dict(state.average.state_dict())
    else:
        state.stale += 1
    return loss


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
