"""The scores of many images, as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..log import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = NDArray[np.float64]
SHOWN = 10


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """One image of a `ScoreTable`.

    Attributes:
        row: of the table.
        p_value: of the whole image: the share of normal images that are at least as unusual.
        moved: layers whose own p-value is at most the table's alpha, the most unusual first.
        looks_like: the known fault that it resembles, in words; empty where none is named.
    """

    row: int
    name: str
    p_value: float
    score: float
    moved: Sequence[tuple[str, float]]
    looks_like: str


@dataclass(frozen=True, slots=True)
class NormalScores:
    """Scores of held-out reference images: what the detector holds for normal.

    Attributes:
        values: of the images, each ranked as the scored ones are.
        weights: of each; they sum to 1.
    """

    values: Numbers
    weights: Numbers

    @property
    def least_p_value(self) -> float:
        """The smallest p-value that an image can have: there are no more to compare it with."""
        return 1 / (len(self.values) + 1)


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores of images, in the order in which they were given.

    Attributes:
        detector: that scored.
        names: of all images, the unreadable ones, too.
        layers: of the detector, ``pixels`` first where it has them.
        scores: ``(n,)``, the combined statistic, higher is more unusual; NaN where there is none.
        p_values: ``(n,)`` in (0, 1]: of normal images, the share at most that get so small a one.
        layer_p_values: ``(n, layers)``.
        looks_like: of each unusual image the known fault that it resembles, with its share; empty for
            the others.
        predicted: ``(n,)``, the model's class; None where it is no classifier.
        errors: row to why this image has no score.
        alpha: an image counts as unusual at a p-value of at most this.
        not_named: why no faults are named; empty where they are.
        normal: scores of held-out reference images, to compare with.
    """

    detector: str
    names: Sequence[str]
    layers: Sequence[str]
    scores: Numbers
    p_values: Numbers
    layer_p_values: Numbers
    looks_like: Sequence[str]
    normal: NormalScores
    predicted: NDArray[np.int64] | None = None
    errors: Mapping[int, str] = field(default_factory=dict)
    alpha: float = 0.01
    not_named: str = ""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_scored(self) -> int:
        """Images that have a score."""
        return len(self.names) - len(self.errors)

    @property
    def n_unusual(self) -> int:
        """Images whose p-value is at most alpha."""
        return int((self.p_values <= self.alpha).sum())  # NaN is not

    def most_unusual(self, n: int = SHOWN) -> list[ScoredImage]:
        """Return the *n* most unusual images, the most unusual first."""
        order = np.lexsort((-self.scores, self.p_values))
        return [self._image(int(row)) for row in order[: min(n, self.n_scored)]]

    def most_typical(self, n: int = SHOWN) -> list[ScoredImage]:
        """Return the *n* images whose p-values are nearest to a half."""
        order = np.argsort(np.abs(self.p_values - 1 / 2), kind="stable")
        return [self._image(int(row)) for row in order[: min(n, self.n_scored)]]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns, for ``pandas.DataFrame(table.to_dict())`` and the like.

        ``p_value`` is of the whole image, ``p_value[LAYER]`` of one layer. What is unknown is None.
        """
        columns: dict[str, list[Any]] = {
            "image": list(self.names),
            "p_value": _known(self.p_values),
            "score": _known(self.scores),
            "looks_like": [words or None for words in self.looks_like],
        }
        if self.predicted is not None:
            columns["predicted"] = [int(c) if c >= 0 else None for c in self.predicted]
        for layer, values in zip(self.layers, self.layer_p_values.T, strict=True):
            columns[f"p_value[{layer}]"] = _known(values)
        columns["error"] = [self.errors.get(row) for row in range(len(self))]
        return columns

    def write(self, path: Path | str) -> None:
        """Write all rows to a file, CSV or Parquet by its suffix; it is overwritten if it exists."""
        from .score_file import write_scores

        write_scores(self, Path(path))

    def plot(self, path: Path | str | None = None) -> Figure:
        """Draw the scores' distribution against normal's; write it to *path*, a PNG or SVG, if named.

        Raises:
            SettingsError: matplotlib is not installed, or the file cannot be written.
        """
        from .score_plot import draw_scores

        return draw_scores(self, None if path is None else Path(path))

    def __str__(self) -> str:
        head = f"{self.n_scored} of {len(self)} images scored by detector {self.detector}, "
        head += f"{self.n_unusual} unusual (p <= {self.alpha:g})"
        lines = [f"{one.p_value:.4f}  {_words(one)}" for one in self.most_unusual()]
        return "\n".join(escaped(line) for line in (head, *lines))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the most unusual images."""
        rows = "".join(
            f"<tr><td>{escape(one.name)}</td><td>{one.p_value:.4f}</td>"
            f"<td>{escape(moved_words(one))}</td><td>{escape(one.looks_like)}</td></tr>"
            for one in self.most_unusual()
        )
        unread = f", {len(self.errors)} without a score" if self.errors else ""
        return (
            f"<p>{self.n_scored} images scored{unread}, {self.n_unusual} unusual "
            f"(p &le; {self.alpha:g}). The most unusual:</p><table><tr><th>image</th>"
            f"<th>p-value</th><th>layers that moved</th><th>looks like</th></tr>{rows}</table>"
        )

    def _image(self, row: int) -> ScoredImage:
        own = self.layer_p_values[row]
        moved = [(self.layers[m], float(own[m])) for m in np.argsort(own) if own[m] <= self.alpha]
        return ScoredImage(
            row,
            self.names[row],
            float(self.p_values[row]),
            float(self.scores[row]),
            moved,
            self.looks_like[row],
        )


def moved_words(image: ScoredImage, most: int = 3) -> str:
    """Return the layers that moved, the most unusual first."""
    names = [layer for layer, _ in image.moved]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _words(image: ScoredImage) -> str:
    found = (image.name, moved_words(image), image.looks_like)
    return "  ".join(one for one in found if one)


def _known(values: Numbers) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
