from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.fit.tap_store import (
    INDEX,
    LAYERS,
    MATRIX,
    NO_CLASS,
    TapStore,
    open_until_done,
    store_name,
)
from driftgauge.detector import ModelIdentity, ShapeMismatch

IDENTITY = ModelIdentity(weights="w", preprocessing="p")


def taps(n: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        layer: torch.randn(n, width, generator=generator)
        for layer, width in (("late", 5), ("early", 3))
    }


def written(folder: Path, n: int = 6) -> dict[str, Tensor]:
    """Write *n* rows in batches of two, let go of the folder, and return what was written."""
    store = TapStore(folder)
    whole = taps(n)
    for start in range(0, n, 2):
        part = {layer: tap[start : start + 2] for layer, tap in whole.items()}
        classes, sure = np.array([start, start + 1]), np.array([0.5 + start / 100, np.nan])
        store.append([f"key {start}", f"key {start + 1}"], part, classes, sure)
    store.close()
    return whole


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return list(first) == list(second) and all(torch.equal(first[k], second[k]) for k in first)


def test_what_was_appended_is_read_back_bit_by_bit_by_the_next_process(tmp_path: Path) -> None:
    whole = written(tmp_path)
    with closing(TapStore(tmp_path)) as store:
        assert same(store.taps(), whole)
        assert [store.row_of(f"key {row}") for row in range(7)] == [0, 1, 2, 3, 4, 5, None]
        assert [store.predicted(row) for row in range(6)] == list(range(6))
        assert [store.confidence(row) for row in range(0, 6, 2)] == [0.5, 0.52, 0.54]
        assert np.isnan(store.confidence(1))


def test_an_image_that_was_written_again_is_found_once_where_it_was_last(tmp_path: Path) -> None:
    written(tmp_path)
    with closing(TapStore(tmp_path)) as store:
        store.append(["key 0", "key 1"], taps(2), None)
    with closing(TapStore(tmp_path)) as store:
        assert (len(store), store.n_known, store.row_of("key 1")) == (8, 6, 7)


def test_taps_stay_readable_when_the_store_is_gone(tmp_path: Path) -> None:
    whole = written(tmp_path / "store")
    with open_until_done(tmp_path / "store") as store:
        mapped = store.taps()
    assert not (tmp_path / "store").exists()
    assert same(mapped, whole)


def cut_row(folder: Path) -> None:
    os.truncate(folder / MATRIX, (folder / MATRIX).stat().st_size - 5)


def cut_line(folder: Path) -> None:
    os.truncate(folder / INDEX, (folder / INDEX).stat().st_size - 1)


def lose_line(folder: Path) -> None:
    lines = (folder / INDEX).read_bytes().splitlines(keepends=True)
    (folder / INDEX).write_bytes(b"".join(lines[:-1]))


def spoil_row(folder: Path) -> None:
    spoilt = bytearray((folder / MATRIX).read_bytes())
    spoilt[-2] ^= 1
    (folder / MATRIX).write_bytes(spoilt)


def spoil_line(folder: Path) -> None:
    lines = (folder / INDEX).read_bytes().splitlines(keepends=True)
    (folder / INDEX).write_bytes(b"".join([*lines[:-1], b"{}\n"]))


@pytest.mark.parametrize("harm", [cut_row, cut_line, lose_line, spoil_row, spoil_line])
def test_a_row_that_is_not_whole_is_dropped_and_may_be_written_again(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    whole = written(tmp_path)
    harm(tmp_path)
    with closing(TapStore(tmp_path)) as store:
        assert len(store) == 5
        assert store.row_of("key 5") is None
        last = {layer: tap[5:] for layer, tap in whole.items()}
        assert store.append(["key 5"], last, np.array([5])) == [5]
    with closing(TapStore(tmp_path)) as again:
        assert same(again.taps(), whole)
        assert again.row_of("key 5") == 5


def test_nothing_of_another_format_or_of_damaged_layers_is_read(tmp_path: Path) -> None:
    for text in ('{"format": 0, "layers": {"late": 5, "early": 3}}', "{", "[]"):
        written(tmp_path)
        (tmp_path / LAYERS).write_text(text)
        with closing(TapStore(tmp_path)) as store:
            assert len(store) == 0
        assert (tmp_path / MATRIX).stat().st_size == 0


def test_a_fresh_store_has_nothing_of_before(tmp_path: Path) -> None:
    written(tmp_path)
    with open_until_done(tmp_path, fresh=True) as store:
        assert len(store) == 0
        assert store.row_of("key 0") is None


def test_a_store_stays_after_an_error_and_where_it_is_to_be_kept(tmp_path: Path) -> None:
    def end_early() -> None:
        with open_until_done(tmp_path / "one") as store:
            store.append(["a"], taps(1), None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end_early()
    with open_until_done(tmp_path / "one", keep=True) as store:
        assert store.row_of("a") == 0
        assert store.predicted(0) == NO_CLASS
    with open_until_done(tmp_path / "one") as store:
        assert len(store) == 1
    assert not (tmp_path / "one").exists()


def test_two_fits_do_not_write_into_one_store(tmp_path: Path) -> None:
    refused = pytest.raises(SettingsError, match="another fit is reading the same reference")
    with closing(TapStore(tmp_path)), refused:
        TapStore(tmp_path)
    TapStore(tmp_path).close()


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot write the reference's taps") as caught:
        TapStore(tmp_path / "file")
    assert "larger disk" in caught.value.hint


@contextmanager
def full_disk(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond *n_bytes*."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_says_what_to_do_and_costs_no_row_that_was_whole(tmp_path: Path) -> None:
    whole = taps(300)
    keys = [f"key {row}" for row in range(300)]

    def append_all() -> None:
        with open_until_done(tmp_path) as store, full_disk(4000):
            store.append(keys[:100], {layer: tap[:100] for layer, tap in whole.items()}, None)
            store.append(keys[100:], {layer: tap[100:] for layer, tap in whole.items()}, None)

    with pytest.raises(SettingsError, match="cannot write the reference's taps"):
        append_all()
    with closing(TapStore(tmp_path)) as store:
        assert len(store) >= 100
        kept = {layer: tap[: len(store)] for layer, tap in whole.items()}
        assert same(store.taps(), kept)


def test_a_layer_whose_channels_change_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    other = {"late": torch.zeros(1, 5), "early": torch.zeros(1, 2)}
    refused = pytest.raises(ShapeMismatch, match="'early': 2")
    with closing(TapStore(tmp_path)) as store, refused:
        store.append(["a"], other, None)


def test_whatever_changes_the_taps_changes_the_name() -> None:
    other = ModelIdentity(weights="v", preprocessing="p")
    names = {
        store_name(IDENTITY, ["a", "b"], "folder x", "cpu"),
        store_name(other, ["a", "b"], "folder x", "cpu"),
        store_name(IDENTITY, ["a"], "folder x", "cpu"),
        store_name(IDENTITY, ["a", "b"], "folder y", "cpu"),
        store_name(IDENTITY, ["a", "b"], "folder x", "cuda"),
    }
    assert len(names) == 5
    assert store_name(IDENTITY, ["a", "b"], "folder x", "cpu") in names
