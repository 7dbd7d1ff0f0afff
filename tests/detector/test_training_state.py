from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from driftgauge.detector import ArtifactError, Progress, Training
from driftgauge.detector.denoiser import Denoiser
from driftgauge.detector.fitting import EVALUATIONS, train_denoiser

PLAN = Training(n_epochs=1, min_steps=60, max_steps=60)
STOPS_AFTER = 7


class Killed(Exception):
    pass


def samples(seed: int = 0) -> Tensor:
    return torch.randn(300, 12, generator=torch.Generator().manual_seed(seed))


def train(
    checkpoint: Path | None = None,
    *,
    seed: int = 3,
    clean: Tensor | None = None,
    plan: Training = PLAN,
    killed_after: int | None = None,
) -> tuple[Denoiser, dict[str, float], list[int]]:
    """Return the denoiser, its figures, and the steps of the evaluations."""
    seen: list[int] = []

    def on_progress(progress: Progress) -> None:
        seen.append(progress.done)
        if len(seen) == killed_after:
            raise Killed

    network, figures = train_denoiser(
        samples() if clean is None else clean,
        width=16,
        n_blocks=2,
        seed=seed,
        training=plan,
        on_progress=on_progress,
        checkpoint=checkpoint,
    )
    figures.pop("seconds")
    return network, figures, seen


def interrupted(folder: Path) -> Path:
    """Return the checkpoint of a run that was killed after `STOPS_AFTER` evaluations."""
    checkpoint = folder / "training.safetensors"
    checkpoint.unlink(missing_ok=True)
    with pytest.raises(Killed):
        train(checkpoint, killed_after=STOPS_AFTER)
    return checkpoint


def same(first: Denoiser, second: Denoiser) -> bool:
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_a_killed_training_ends_in_the_bits_of_one_that_never_was(tmp_path: Path) -> None:
    whole, figures, steps = train()
    again, their_figures, their_steps = train(interrupted(tmp_path))
    assert len(steps) == EVALUATIONS
    assert their_steps == steps[STOPS_AFTER:]
    assert same(again, whole)
    assert their_figures == figures


def test_a_checkpoint_changes_nothing_in_a_training_that_is_not_killed(tmp_path: Path) -> None:
    assert same(train(tmp_path / "training.safetensors")[0], train()[0])


def test_a_training_that_was_done_or_had_stopped_early_is_not_trained_further(
    tmp_path: Path,
) -> None:
    for number, plan in enumerate(
        (PLAN, Training(min_steps=600, max_steps=600, patience=1, learning_rate=1))
    ):
        checkpoint = tmp_path / str(number)
        first, figures, _ = train(checkpoint, plan=plan)
        again, their_figures, steps = train(checkpoint, plan=plan)
        assert steps == []
        assert same(again, first)
        assert their_figures == figures
    assert figures["steps"] < 600


def test_another_runs_checkpoint_is_not_read(tmp_path: Path) -> None:
    for change in ({"seed": 4}, {"clean": samples(1)}, {"plan": Training(max_steps=80)}):
        checkpoint = interrupted(tmp_path)
        network, _, steps = train(checkpoint, **change)
        assert len(steps) >= EVALUATIONS
        assert same(network, train(**change)[0])


def test_a_damaged_checkpoint_is_not_read(tmp_path: Path) -> None:
    whole, _, steps = train()
    for harm in ("cut", "spoilt", "empty"):
        checkpoint = interrupted(tmp_path)
        content = bytearray(checkpoint.read_bytes())
        content[-100] ^= 1
        harmed = {"cut": content[:-200], "spoilt": content, "empty": bytearray()}
        checkpoint.write_bytes(harmed[harm])
        network, _, their_steps = train(checkpoint)
        assert their_steps == steps
        assert same(network, whole)


def test_a_checkpoint_that_cannot_be_written_ends_the_training_with_what_to_do(
    tmp_path: Path,
) -> None:
    with pytest.raises(ArtifactError, match=r"cannot write the training state .* free disk space"):
        train(tmp_path / "no folder" / "training.safetensors")
