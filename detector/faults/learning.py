"""Learns what each fault does, from pictures that it was put on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import grad_and_value

from .book import NOTHING, FaultBook, Level, features, nearest, softmax, told
from .traits import Array, Traits

Changes = tuple[Array, NDArray[np.int64]]
"""``(m, f)`` and the kind of each."""

FEWEST = 16
"""Pictures below which nothing is learnt."""
LEAST_DEVIATION = 0.05
"""Of the statistics of pixels, which are logarithms or units of light."""
LEVELS = (0.05, 0.2, 0.7)
"""Of natural variation: a still camera's mean of many pictures, a restless one's, single pictures."""
AROUND = (0.5, 1.0, 1.5)
"""Each level is learnt with so many times its variation."""
DECAY = 1e-3
ROUNDS = 80
TEMPERATURES = tuple(np.geomspace(0.5, 4.0, 25).tolist())
FAR = 0.99
"""Quantile of a fault's held-out distances that is its limit,"""
ROOM = 1.25
"""times this: real faults are not drawn as ours are."""
MOST_GROUPS = 64


def learn_faults(
    plain: Traits,
    damaged: Mapping[str, Traits],
    groups: Sequence[Hashable],
    *,
    alike: float = 0.0,
    seed: int = 0,
) -> FaultBook | None:
    """Return what each fault does; None where there are fewer than `FEWEST` pictures.

    Shares and the limit are calibrated on pictures that were left out: each half of them judges
    what was learnt from the other.

    Args:
        plain: normal pictures that the detector was not trained on.
        damaged: name to the traits of the same pictures with that fault.
        groups: of each picture, such as its camera: pictures of a group vary by nature.
        alike: share of neighbouring pictures of the reference that are equal to the bit.
        seed: of the variation that is added, and of the halves.
    """
    if len(plain) < FEWEST:
        return None
    if plain.cells is None:
        return _book(plain, damaged, groups, alike=alike, seed=seed)
    of_whole = {kind: each.without_cells() for kind, each in damaged.items()}
    bare = _book(plain.without_cells(), of_whole, groups, alike=alike, seed=seed)
    return replace(_book(plain, damaged, groups, alike=alike, seed=seed), bare=bare)


def _book(
    plain: Traits,
    damaged: Mapping[str, Traits],
    groups: Sequence[Hashable],
    *,
    alike: float,
    seed: int,
) -> FaultBook:
    numbers, n_cells = plain.numbers, 0 if plain.cells is None else plain.cells.shape[1]
    places = _places(groups)
    scale = _deviations(numbers, places)
    kinds = (*damaged, NOTHING)
    changes = np.stack([each.numbers - numbers for each in damaged.values()] + [0 * numbers])
    draw = np.random.default_rng(seed)
    half = draw.permutation(len(numbers)) % 2 == 0
    levels, found = [], []
    for noise in LEVELS:
        varied = partial(_varied, changes, numbers, places, noise=noise, draw=draw)
        halves = [_told(varied(part), scale, n_cells) for part in (half, ~half)]
        level, right = _learnt(halves, noise)
        levels.append(level)
        found.append(right)
    return FaultBook(
        kinds=kinds,
        centres=_centres(numbers, places),
        scale=scale,
        levels=tuple(levels),
        alike=alike,
        found=dict(zip(damaged, found[len(LEVELS) // 2], strict=True)),
        n_cells=n_cells,
    )


def _places(groups: Sequence[Hashable]) -> list[NDArray[np.int64]]:
    """Return the rows of each group; of all together where no group has two."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    of_each = np.array([numbers[group] for group in groups])
    found = [np.flatnonzero(of_each == number) for number in range(len(numbers))]
    several = [rows for rows in found if len(rows) > 1]
    return several or [np.arange(len(groups))]


def _deviations(numbers: Array, places: Sequence[NDArray[np.int64]]) -> Array:
    spread = np.concatenate([numbers[rows] - numbers[rows].mean(axis=0) for rows in places])
    deviations: Array = np.maximum(np.sqrt(np.square(spread).mean(axis=0)), LEAST_DEVIATION)
    return deviations


def _centres(numbers: Array, places: Sequence[NDArray[np.int64]]) -> Array:
    largest = sorted(places, key=len, reverse=True)[:MOST_GROUPS]
    return np.stack([numbers[rows].mean(axis=0) for rows in largest])


def _varied(
    changes: Array,
    numbers: Array,
    places: Sequence[NDArray[np.int64]],
    chosen: NDArray[np.bool_],
    *,
    noise: float,
    draw: np.random.Generator,
) -> Changes:
    """Return changes of the *chosen* pictures with natural variation, and each one's kind.

    Args:
        changes: ``(kinds, n, f)``.
    """
    own = {int(row): rows for rows in places for row in rows}
    everyone = np.arange(len(numbers))
    found, kinds = [], []
    for kind, of_kind in enumerate(changes):
        for row in np.flatnonzero(chosen):
            for share in AROUND:
                one, other = draw.choice(own.get(int(row), everyone), 2)
                found.append(of_kind[row] + share * noise * (numbers[one] - numbers[other]))
                kinds.append(kind)
    return np.array(found), np.array(kinds)


def _told(varied: Changes, scale: Array, n_cells: int) -> Changes:
    return told(varied[0], scale, n_cells), varied[1]


def _learnt(halves: Sequence[Changes], noise: float) -> tuple[Level, list[float]]:
    """Return what both halves teach, and the share of right first words of each fault.

    Each half judges what was learnt from the other: that gives temperature, limit and shares.
    """
    n_kinds = int(halves[0][1].max()) + 1
    outputs, truth = [], []
    distances: list[tuple[int, Array]] = []
    for (x, y), (held_x, held_y) in (halves, halves[::-1]):
        weights = _weights(x, y, n_kinds=n_kinds)
        outputs.append(features(held_x) @ weights[:-1] + weights[-1])
        truth.append(held_y)
        distances += [
            (kind, nearest(held_x[held_y == kind], x[y == kind])) for kind in range(n_kinds)
        ]
    logits, right = np.concatenate(outputs), np.concatenate(truth)
    first = logits.argmax(axis=1)
    temperature = min(TEMPERATURES, key=lambda t: _loss(logits / t, right))
    x, y = (np.concatenate(each) for each in zip(*halves, strict=True))
    level = Level(
        noise=noise,
        weights=_weights(x, y, n_kinds=n_kinds) / temperature,
        examples=np.stack(
            [x[y == kind][:: len(AROUND)] for kind in range(n_kinds)],
            casting="same_kind",
            dtype=np.float32,
        ),
        limits=np.array([_limit(distances, kind) for kind in range(n_kinds)]),
    )
    return level, [float((first[right == kind] == kind).mean()) for kind in range(n_kinds - 1)]


def _limit(distances: Sequence[tuple[int, Array]], kind: int) -> float:
    own = np.concatenate([d for k, d in distances if k == kind])
    return ROOM * float(np.quantile(own, FAR))


def _loss(logits: Array, right: NDArray[np.int64]) -> float:
    shares = softmax(logits)[np.arange(len(right)), right]
    return float(-np.log(np.maximum(shares, 1e-12)).mean())


def _weights(changes: Array, kinds: NDArray[np.int64], *, n_kinds: int) -> Array:
    """Return a logistic regression's weights; the last row is the constant."""
    x = torch.from_numpy(features(changes)).float()
    y = torch.from_numpy(kinds)
    weights = torch.zeros(x.shape[1] + 1, n_kinds)

    def loss_of(weights: Tensor) -> Tensor:
        loss = nn.functional.cross_entropy(x @ weights[:-1] + weights[-1], y)
        return loss + DECAY / 2 * weights[:-1].square().sum()

    def closure() -> float:
        gradient, value = grad_and_value(loss_of)(weights)
        weights.grad = gradient
        return float(value)

    optimiser: Any = torch.optim.LBFGS([weights], max_iter=ROUNDS, line_search_fn="strong_wolfe")
    optimiser.step(closure)
    found: Array = weights.double().numpy()
    return found
