"""A detector with its model, ready to score images."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import Calibration, Detector, NonFiniteScore, Traits, name_faults

from ..errors import EventError
from ..events.decode import DecodePorts, DecodeSettings
from ..events.picture_reader import PictureReader
from ..model.load import LoadedModel
from ..model.prepared import Prepared
from ..model.scorer import ModelScorer
from ..model.user_code import describe_error
from ..ports import Scored
from .image_source import ImageSource, find_images
from .score_table import NormalScores, ScoreTable

OnProgress = Callable[[int, int], None]
"""Called with the number of images that are done, and of all."""

WHOLE_RANK = 1.0
"""Where between two ranks a p-value falls: at the upper one, so that it is never too small and does
not depend on chance. The agent spreads them evenly, by the message's place in its topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerOptions:
    """How to score.

    Attributes:
        decode: what a picture may be, as for the stream's events.
        segment: whose values sub-folders are named after, such as ``camera``; None has none.
        batch: images of one forward pass.
        threads: that decode.
        alpha: an image counts as unusual at a p-value of at most this.
    """

    decode: DecodeSettings = field(default_factory=DecodeSettings)
    segment: str | None = None
    batch: int = 16
    threads: int = 2
    alpha: float = 0.01


class ImageScorer:
    """Scores images outside of any stream, with the bits that the agent's scores have.

    Made by `driftgauge.load_scorer`. Not thread-safe.

    Args:
        name: the detector's.
    """

    def __init__(
        self, loaded: LoadedModel, detector: Detector, *, name: str, options: ScorerOptions
    ) -> None:
        self._scorer = ModelScorer(loaded, detector, name=name)
        self._detector = detector
        self._options = options
        self.name = name

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers that are scored, ``pixels`` first where the detector has them."""
        return self._detector.layers

    def sources(self, images: object) -> list[ImageSource]:
        """Return the images that *images* names or holds; see `score`."""
        options = self._options
        reader = PictureReader.of(options.decode, DecodePorts())
        return find_images(
            images, reader, max_aspect=options.decode.max_image_aspect, header=options.segment
        )

    def score(self, images: object, on_progress: OnProgress | None = None) -> ScoreTable:
        """Return the scores of *images*; what cannot be read is in the table with the reason.

        Args:
            images: a folder (its sub-folders are segments, as for ``driftgauge fit``), files, arrays
                ``(height, width, 3)`` of uint8, or pictures of Pillow; one or several.
            on_progress: called after each batch.

        Raises:
            SettingsError: there is no such file or folder, or no image in it.
            ModelFault: the model fails.
        """
        sources = self.sources(images)
        found = _Found(len(sources), len(self.layers))
        with ThreadPoolExecutor(self._options.threads) as threads:
            ready = _prepared(sources, self._scorer.prepare, threads, self._options.batch, found)
            while batch := list(islice(ready, self._options.batch)):
                self._score_batch(batch, sources, found)
                if on_progress is not None:
                    on_progress(found.n_done, len(sources))
        if on_progress is not None:
            on_progress(len(sources), len(sources))
        return self._table(sources, found)

    def _score_batch(
        self, batch: Sequence[_Ready], sources: Sequence[ImageSource], found: _Found
    ) -> None:
        try:
            scored = self._scored(batch, sources)
            found.put([row for row, _ in batch], scored)
            self._name_faults(batch, scored, found)
        except NonFiniteScore as error:
            bad = set(error.rows) or set(range(len(batch)))
            for place in bad:
                found.errors[batch[place][0]] = f"the model returned no finite score: {error}"
            rest = [one for place, one in enumerate(batch) if place not in bad]
            if rest:
                self._score_batch(rest, sources, found)

    def _name_faults(self, batch: Sequence[_Ready], scored: Scored, found: _Found) -> None:
        """Say what each unusual image looks like, or once why nothing can be said."""
        for place in np.flatnonzero(scored.p_values[:, -1] <= self._options.alpha).tolist():
            row, _ = batch[place]
            names = name_faults(self._detector, _traits(scored, slice(place, place + 1)))
            if names.why_not:
                found.not_named = names.why_not
                return
            found.looks_like[row] = str(names).removeprefix("looks like: ")

    def _scored(self, batch: Sequence[_Ready], sources: Sequence[ImageSource]) -> Scored:
        return self._scorer.score(
            [prepared for _, prepared in batch],
            np.full(len(batch), WHOLE_RANK),
            [sources[row].segments for row, _ in batch],
        )

    def _table(self, sources: Sequence[ImageSource], found: _Found) -> ScoreTable:
        segments = [
            source.segments for row, source in enumerate(sources) if row not in found.errors
        ]
        return ScoreTable(
            detector=self.name,
            names=[source.name for source in sources],
            layers=self.layers,
            scores=found.scores[:, -1],
            p_values=found.p_values[:, -1],
            layer_p_values=found.p_values[:, :-1],
            looks_like=[found.looks_like.get(row, "") for row in range(len(sources))],
            not_named=found.not_named,
            normal=normal_scores(self._detector, segments),
            predicted=found.predicted,
            errors=dict(sorted(found.errors.items())),
            alpha=self._options.alpha,
        )


def normal_scores(detector: Detector, segments: Sequence[Mapping[str, str]]) -> NormalScores:
    """Return what scores like these images' would be if all were normal.

    A group of the detector has scores of its own, which count as often as the group has images.

    Args:
        segments: of each image.
    """
    used: Counter[str] = Counter()
    for own in segments:
        names = [f"{name}={value}" for name, value in own.items()]
        used[next((name for name in names if name in detector.groups), "")] += 1
    if not used:
        used[""] = 1
    parts: list[tuple[Calibration, float]] = [
        (detector.groups[group] if group else detector.calibration, count / used.total())
        for group, count in used.items()
    ]
    return NormalScores(
        np.concatenate([one.combined for one, _ in parts]),
        np.concatenate([np.full(len(one.combined), w / len(one.combined)) for one, w in parts]),
    )


_Ready = tuple[int, Prepared]
"""A row of the table and its image, ready for the model."""


def _traits(scored: Scored, rows: slice) -> Traits:
    """Return the traits of pictures; without statistics where these are not scored."""
    p_values = scored.p_values[rows, :-1]
    if scored.pixels is None or scored.cells is None:
        return Traits(np.empty((len(p_values), 0)), p_values)
    return Traits(
        scored.pixels[rows].astype(np.float64), p_values, scored.cells[rows].astype(np.float64)
    )


class _Found:
    """Scores so far, by row of the table; NaN where there is none."""

    def __init__(self, n: int, n_layers: int) -> None:
        self.scores = np.full((n, n_layers + 1), np.nan)
        self.p_values = np.full((n, n_layers + 1), np.nan)
        self.predicted: NDArray[np.int64] | None = None
        self.errors: dict[int, str] = {}
        self.looks_like: dict[int, str] = {}
        self.not_named = ""
        self.n_done = 0

    def put(self, rows: Sequence[int], scored: Scored) -> None:
        self.scores[rows] = scored.scores
        self.p_values[rows] = scored.p_values
        if scored.predicted is not None:
            if self.predicted is None:
                self.predicted = np.full(len(self.scores), -1)
            self.predicted[rows] = scored.predicted
        self.n_done = max(rows) + 1


def _prepared(
    sources: Sequence[ImageSource],
    prepare: Callable[[NDArray[np.uint8]], Prepared],
    threads: ThreadPoolExecutor,
    batch: int,
    found: _Found,
) -> Iterator[_Ready]:
    """Yield images as the model takes them, in order; two batches are decoded ahead."""

    def read(source: ImageSource) -> Prepared:
        return prepare(source.read())

    coming = iter(enumerate(sources))
    ahead: deque[tuple[int, Future[Prepared]]] = deque()
    for row, source in islice(coming, 2 * batch):
        ahead.append((row, threads.submit(read, source)))
    while ahead:
        row, future = ahead.popleft()
        for following, source in islice(coming, 1):
            ahead.append((following, threads.submit(read, source)))
        try:
            yield row, future.result()
        except EventError as error:
            found.errors[row] = str(error)
        except Exception as error:  # any that a user's transform raises for one picture
            found.errors[row] = f"the model's transform refused it: {describe_error(error)}"
