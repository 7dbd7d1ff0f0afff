from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from driftgauge.agent.counting.predicted_classes import doubt_bins
from driftgauge.agent.fit.coverage import measure_coverage
from driftgauge.agent.fit.gather import Reference
from driftgauge.agent.fit.labels import common_classes, with_labels
from driftgauge.detector import ModelIdentity, load_detector, save_detector, split_reference
from driftgauge.storage import N_CLASSES

from ...detector.models import fit_quickly, normal_taps

IDENTITY = ModelIdentity(weights="a" * 64, preprocessing="resize 160")


def reference(classes: list[str | None], segments: list[tuple[str, ...]]) -> Reference:
    n = len(classes)
    return Reference(
        taps=normal_taps(1, seed=0),
        rows=np.arange(n),
        window_ids=np.arange(n) // 16,
        segments=segments,
        classes=classes,
        confidences=np.where(np.arange(n) % 2, 0.9, np.nan),
        coverage=measure_coverage([None] * n, segments),
        pictures={},
    )


def test_the_commonest_classes_are_those_with_the_largest_shares_of_all_segments() -> None:
    classes: list[str | None] = ["cat"] * 90 + ["dog"] * 10 + ["cow"] * 5 + [None]
    segments = [("camera=1" if k < 100 else "camera=2",) for k in range(106)]
    assert common_classes(classes, segments) == ("cow", "cat", "dog")
    many = [str(number) for number in range(40)]
    assert len(common_classes(many, [()] * 40)) == N_CLASSES


def test_a_segment_of_a_class_does_not_say_which_classes_are_common() -> None:
    classes: list[str | None] = ["cat", "cat", "dog"]
    segments: list[tuple[str, ...]] = [(f"predicted_class={name}",) for name in classes]
    assert common_classes(classes, segments) == ("cat", "dog")


def test_the_reference_keeps_its_classes_in_the_windows_of_its_scores(tmp_path: Path) -> None:
    n = 640
    classes: list[str | None] = ["cat" if k % 4 else "dog" for k in range(n)]
    segments: list[tuple[str, ...]] = [(f"camera={k % 2}",) for k in range(n)]
    images = reference(classes, segments)
    rows = split_reference(images.window_ids).held_out
    ids = images.window_ids[rows]
    scored = {
        name: np.zeros((len(np.unique(ids)), 3, 18), dtype=np.int64)
        for name in ("*", "camera=0", "camera=1")
    }
    detector = with_labels(replace(fit_quickly(), reference=scored), images)
    assert detector.classes == ("cat", "dog")
    pool = detector.labels["*"]
    assert pool.shape == (len(np.unique(ids)), 2, 18)
    assert pool[:, 0].sum(axis=0)[:3].tolist() == [0.75 * len(rows), 0.25 * len(rows), 0]
    assert pool[:, 1].sum(axis=0)[doubt_bins(np.array([0.9]))].tolist() == [len(rows) / 2]
    assert detector.labels["camera=1"][:, 0].sum(axis=0)[:2].tolist() == [len(rows) / 2, 0]
    name = save_detector(detector, tmp_path, IDENTITY, {})
    loaded = load_detector(tmp_path / name, IDENTITY)
    assert loaded.classes == detector.classes
    assert all((loaded.labels[key] == detector.labels[key]).all() for key in detector.labels)


def test_a_reference_without_classes_leaves_the_detector_as_it_is() -> None:
    detector = fit_quickly()
    assert with_labels(detector, reference([None] * 32, [()] * 32)) is detector
