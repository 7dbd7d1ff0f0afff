"""Taps on disk: one row an image, so that they need no memory and a killed fit can continue."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from driftgauge.detector import ModelIdentity, ShapeMismatch

from ..errors import SettingsError

FORMAT = 2
ITEM_BYTES = 4
NO_CLASS = -1
LAYERS, MATRIX, INDEX, LOCK = "layers.json", "taps.f32", "index.jsonl", "lock"


class TapStore:
    """What the model gave for images, by the images' keys. One process at a time, one thread.

    ``taps.f32`` has a row of float32 an image, the layers side by side; ``index.jsonl`` a line a
    row: key, predicted class, its confidence, checksum of the row. Rows are written first, so that each line
    has its row. Opened again after a kill, it keeps the rows up to the first that is not whole.

    Args:
        folder: made where there is none; what another format wrote in it is dropped.
        fresh: drop what is there.

    Raises:
        SettingsError: another process has it, or it cannot be written.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self.folder = folder
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            self._channels = {} if fresh else _read_channels(folder)
            self._rows: dict[str, int] = {}
            self._classes = array("q")
            self._confidences = array("d")
            self._recover()
            self._matrix: IO[bytes] = (folder / MATRIX).open("ab")
            self._index: IO[bytes] = (folder / INDEX).open("ab")

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._classes)

    @property
    def n_known(self) -> int:
        """How many images had a row at opening."""
        return len(self._rows)

    def row_of(self, key: str | None) -> int | None:
        """Return the row of the image with *key* that was there at opening, None without one."""
        return None if key is None else self._rows.get(key)

    def predicted(self, row: int) -> int:
        """Return the class that the model gave the image of *row*, `NO_CLASS` for none."""
        return self._classes[row]

    def confidence(self, row: int) -> float:
        """Return the confidence of that class, 0 to 1; NaN where it is not known."""
        return self._confidences[row]

    def append(
        self,
        keys: Sequence[str | None],
        taps: Mapping[str, Tensor],
        predicted: NDArray[np.int64] | None,
        confidences: NDArray[np.float64] | None = None,
    ) -> list[int]:
        """Write a row an image, and return their numbers; they outlive the process from then on.

        Args:
            keys: of the images; one without a key is not found again.
            taps: layer name to ``(n, channels)``, always the same layers.
            predicted: class of each image, None from a model that is no classifier.
            confidences: of these classes, None where they are not known.

        Raises:
            ShapeMismatch: a layer has other channels than before.
            SettingsError: they cannot be written.
        """
        first = len(self)
        classes = [NO_CLASS] * len(keys) if predicted is None else predicted.tolist()
        sure = [math.nan] * len(keys) if confidences is None else confidences.tolist()
        rows = [row.tobytes() for row in self._joined(taps)]
        lines = [
            json.dumps([key, number, None if math.isnan(own) else own, zlib.crc32(row)]).encode()
            + b"\n"
            for key, number, own, row in zip(keys, classes, sure, rows, strict=True)
        ]
        with _told(self.folder):
            self._matrix.writelines(rows)
            self._matrix.flush()
            self._index.writelines(lines)
            self._index.flush()
        self._classes.extend(classes)
        self._confidences.extend(sure)
        return list(range(first, len(self)))

    def taps(self) -> dict[str, Tensor]:
        """Return each layer's taps, ``(rows, channels)``, memory-mapped; not to be written to."""
        shape = (len(self), sum(self._channels.values()))
        # Shared, not private: for a private one the kernel may want memory for all of it.
        mapped = np.memmap(self.folder / MATRIX, np.float32, mode="r+", shape=shape)
        parts = torch.split(torch.from_numpy(mapped), list(self._channels.values()), dim=1)
        return dict(zip(self._channels, parts, strict=True))

    def close(self) -> None:
        """Let go of the files; what `taps` returned stays readable.

        Raises:
            SettingsError: what could not be written still cannot be.
        """
        with _told(self.folder), ExitStack() as files:
            for file in (self._lock, self._index, self._matrix):
                files.callback(file.close)

    def _joined(self, taps: Mapping[str, Tensor]) -> NDArray[np.float32]:
        channels = {layer: tap.shape[1] for layer, tap in taps.items()}
        if not self._channels:
            self._channels = channels
            with _told(self.folder):
                _write_channels(self.folder, channels)
        if channels != self._channels:
            raise ShapeMismatch(f"the model gave taps of {channels}, wanted {self._channels}")
        joined = torch.cat([taps[layer].float() for layer in self._channels], dim=1)
        rows: NDArray[np.float32] = joined.cpu().numpy()
        return rows

    def _recover(self) -> None:
        for name in (MATRIX, INDEX):
            (self.folder / name).touch()
        row_bytes = ITEM_BYTES * sum(self._channels.values())
        n_index_bytes = 0
        with (self.folder / MATRIX).open("rb") as matrix, (self.folder / INDEX).open("rb") as index:
            for line in index if self._channels else ():
                entry = _whole_entry(line, matrix.read(row_bytes), row_bytes)
                if entry is None:
                    break
                key, number, confidence = entry
                if key is not None:
                    self._rows[key] = len(self._classes)
                self._classes.append(number)
                self._confidences.append(confidence)
                n_index_bytes += len(line)
        os.truncate(self.folder / MATRIX, len(self) * row_bytes)
        os.truncate(self.folder / INDEX, n_index_bytes)


@contextmanager
def open_until_done(folder: Path, *, fresh: bool = False, keep: bool = False) -> Iterator[TapStore]:
    """Give the store in *folder*; it stays after an error, and goes when all went well.

    Args:
        fresh: begin with an empty one.
        keep: let it stay in any case.
    """
    store = TapStore(folder, fresh=fresh)
    try:
        yield store
    finally:
        store.close()
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


def store_name(identity: ModelIdentity, layers: Sequence[str], source: str, device: str) -> str:
    """Return the folder's name for taps of these *layers* of that model, of images from *source*.

    Args:
        device: what the model runs on; another one gives other last bits, as does another torch.
    """
    told = [asdict(identity), list(layers), source, device, torch.__version__]
    return f".fit-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]}"


def _whole_entry(line: bytes, row: bytes, row_bytes: int) -> tuple[str | None, int, float] | None:
    """Return key, class and confidence, None unless line and row are whole and belong together."""
    if not line.endswith(b"\n") or len(row) != row_bytes:
        return None
    try:
        key, number, confidence, checksum = json.loads(line)
        sure = math.nan if confidence is None else float(confidence)
    except (ValueError, TypeError):
        return None
    whole = checksum == zlib.crc32(row) and isinstance(number, int)
    return (key, number, sure) if whole and isinstance(key, str | None) else None


def _read_channels(folder: Path) -> dict[str, int]:
    try:
        header = json.loads((folder / LAYERS).read_text(encoding="utf-8"))
        if header["format"] != FORMAT:
            return {}
        return {str(layer): int(n) for layer, n in header["layers"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_channels(folder: Path, channels: Mapping[str, int]) -> None:
    draft = folder / f"{LAYERS}.draft"
    draft.write_text(json.dumps({"format": FORMAT, "layers": channels}), encoding="utf-8")
    draft.replace(folder / LAYERS)


def _locked(folder: Path) -> IO[bytes]:
    lock = (folder / LOCK).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise SettingsError(
            f"another fit is reading the same reference, with its taps in {folder}",
            hint="wait until it has finished, or stop it",
        ) from error
    return lock


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"cannot write the reference's taps to {folder}: {error}",
            hint="free disk space there, or set detector.path to a larger disk; complete rows are kept",
        ) from error
