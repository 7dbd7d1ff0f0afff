"""How exactly a GPU multiplies: PyTorch lets its convolutions round their inputs to 10 bits unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Compute products and convolutions on a GPU in *precision* while the block runs.

    What the process had set is restored afterwards. The switches are the whole process's, so run one
    forward pass at a time. They change nothing on a CPU.

    Args:
        precision: ``float32`` is exact, ``tf32`` rounds; with any other nothing is changed.
    """
    if precision not in {"float32", "tf32"}:
        yield
        return
    knobs = precision_knobs(torch.backends, rounds=precision == "tf32")
    before = [getattr(place, name) for place, name, _ in knobs]
    try:
        for place, name, value in knobs:
            setattr(place, name, value)
        yield
    finally:
        for (place, name, _), value in zip(knobs, before, strict=True):
            setattr(place, name, value)


def precision_knobs(backends: Any, *, rounds: bool) -> list[tuple[Any, str, str | bool]]:
    """Return where torch has its switches, and the value of each.

    Args:
        backends: ``torch.backends``; those before torch 2.9 have other switches.
    """
    if hasattr(backends.cudnn, "conv"):
        places = (backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul)
        return [(place, "fp32_precision", "tf32" if rounds else "ieee") for place in places]
    return [(place, "allow_tf32", rounds) for place in (backends.cudnn, backends.cuda.matmul)]
