"""How often the first word is right: faults named on held-out pictures, and on real cameras.

Held-out pictures: a detector is fitted on one pack and learns the faults as `fit` does; each fault is put,
at drawn strengths, on pictures of another pack. A *camera* shows one picture again and again, with a
sensor's noise; a *stream* shows another picture each time. Real cameras: the detector is fitted on all of
them together, and every window pair of a real fault is named by its most unusual frames, as alerts do it.

Run: python -m tests.benchmarks.faults FOLDER   (of the image packs, with streams/ in it)
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.fit.example import Example
from driftgauge.agent.fit.fault_probes import read_faults, share_alike, with_faults
from driftgauge.agent.fit.fit import choose_taps
from driftgauge.agent.fit.gather import UNTIMED_WINDOW
from driftgauge.agent.fit.probing import HeldOut, hold_out, read_taps
from driftgauge.agent.model.load import load_model
from driftgauge.agent.model.scorer import LayerReader
from driftgauge.detector import (
    CELLS,
    FAULTS,
    PIXELS,
    Detector,
    FaultBook,
    FaultNames,
    Traits,
    damage_image,
    fit_detector,
    score_all,
    select_layers,
)
from driftgauge.detector.faults.learning import learn_faults

from .packs import load_images
from .streams import STREAMS, Stream, gather, images
from .table import Figure, write_benchmark

Picture = NDArray[np.uint8]
UNLIKE = "unlike any"
WITHOUT = "right without cells %"
REFERENCE = 500
"""Pictures that the detector of the held-out part is fitted on."""
CASES = 20
"""Pictures of the other pack that each fault is put on."""
FRAMES = 4
STREAMS_OF_EACH = 10
OF_STREAM = 6
PER_CAMERA = 120
"""Normal frames of a real camera, evenly spread, that the detector is fitted on."""
TYPICAL_WINDOWS = 24
PER_WINDOW = 3
PROBES = 96
"""As `driftgauge fit` has it."""


@dataclass(frozen=True)
class RealFault:
    """A fault that a real camera recorded.

    Attributes:
        frames: that show it.
        right: first words that are right.
    """

    camera: str
    what: str
    frames: range
    right: tuple[str, ...]


TAMPERED = (
    Stream("tamper_bikes", 241, range(14), range(0), ()),
    Stream("tamper_bikes", 241, range(69, 110), range(0), ()),
    Stream("tamper_bikes", 241, range(176, 206), range(0), ()),
)
"""Three staged clips: before each fault."""
REAL = (
    RealFault("tamper_bikes 1", "defocus", range(14, 69), ("out of focus",)),
    RealFault(
        "tamper_bikes 2", "camera swung away", range(110, 176), ("camera turned", "unknown content")
    ),
    RealFault("tamper_bikes 3", "bubble wrap before the lens", range(206, 241), ("covered",)),
    RealFault("keio_river", "water on the window", range(99, 169), ("water drops",)),
    RealFault("keio_river", "water on the window", range(1000, 1051), ("water drops",)),
    RealFault("keio_river", "streaks of water", range(455, 499), ("water drops",)),
    RealFault("keio_river", "streaks of water", range(1055, 1086), ("water drops",)),
    RealFault("keio_river", "nights without infra-red", range(1172, 1220), ("darkness",)),
    RealFault("keio_river", "nights without infra-red", range(3329, 3386), ("darkness",)),
    RealFault("keio_river", "nights without infra-red", range(3743, 3816), ("darkness",)),
    RealFault("vegas_site", "floodlights out, nights", range(966, 990), ("darkness",)),
    RealFault("vegas_site", "floodlights out, nights", range(1035, 1061), ("darkness",)),
    RealFault("vegas_site", "floodlights out, nights", range(1106, 1134), ("darkness",)),
)
QUIET = {
    "keio_river": range(1220, 2300),
    "vegas_site": range(917),
    "tamper_bikes 1": range(14),
    "tamper_bikes 2": range(69, 110),
    "tamper_bikes 3": range(176, 206),
}


class Bench:
    """A model with a detector that has learnt the faults."""

    def __init__(self, examples: Iterator[Example]) -> None:
        loaded = load_model(
            source=None, factory="driftgauge.agent.demo.lite0:build_lite0", image_size=160
        )
        sample = loaded.transform(Image.new("RGB", (256, 256)))[None]
        layers = select_layers(loaded.model, sample)
        layouts = LayerReader(loaded, layers).try_out().layouts
        self.reader = LayerReader(loaded, choose_taps(layouts, None, has_pixels=True))
        known = gather(examples, self.reader, keep_pictures=PROBES)
        plain = fit_detector(
            known.taps, window_ids=known.window_ids, segments=known.segments, rows=known.rows
        )
        held = hold_out(known, self.reader, batch=16, on_images=lambda n: None)
        if held is None:
            raise SystemExit("too few pictures were held out to learn faults from")
        self.held: HeldOut = held
        faults = read_faults(plain, known, held)
        assert faults is not None
        self.detector: Detector = with_faults(plain, faults, alike=share_alike(known), seed=0)

    @property
    def book(self) -> FaultBook:
        """What was learnt."""
        if self.detector.faults is None:
            raise SystemExit("the detector learnt no faults")
        return self.detector.faults

    @property
    def bare(self) -> FaultBook:
        """What was learnt without cells, to compare with."""
        if self.book.bare is None:
            raise SystemExit("the faults were learnt without cells")
        return self.book.bare

    def traits(self, pictures: Sequence[Picture]) -> tuple[Traits, NDArray[np.float64]]:
        """Return traits, and combined p-values."""
        taps = read_taps(self.reader, pictures, batch=16)
        scores = score_all(self.detector, taps)
        _, p_values = self.detector.p_values(scores, np.full(len(scores), 0.5))
        cells = taps[CELLS].double().numpy()
        return Traits(taps[PIXELS].double().numpy(), p_values[:, :-1], cells), p_values[:, -1]


@dataclass(frozen=True)
class Case:
    """A fault as it is to be named."""

    kind: str
    unusual: Traits
    normal: Traits


def reference(folder: Path) -> Iterator[Example]:
    """Yield the pictures that the held-out part learns from."""
    for number, image in enumerate(load_images(folder, "photo_imagenette_train2k")[:REFERENCE]):
        yield Example(image, (), number=number)


def sensed(image: Picture, draw: np.random.Generator) -> Picture:
    """Return a frame of a scene that stands still: the sensor's noise, and light that varies a little."""
    noised = image * draw.normal(1.0, 0.02) + draw.normal(0, 2.0, image.shape)
    return np.clip(np.rint(noised), 0, 255).astype(np.uint8)


def camera_cases(bench: Bench, folder: Path) -> Iterator[Case]:
    """Yield each fault on each scene: `FRAMES` frames of it, at one strength, beside as many normal ones."""
    scenes = load_images(folder, "photo_imagenette_val1k")[:CASES]
    draw = np.random.default_rng(0)
    for number, scene in enumerate(scenes):
        normal, _ = bench.traits([sensed(scene, draw) for _ in range(FRAMES)])
        for kind in FAULTS:
            frames = [
                damage_image(sensed(scene, draw), kind, seed=10_000 + number) for _ in range(FRAMES)
            ]
            yield Case(kind, bench.traits(frames)[0], normal)


def stream_cases(bench: Bench, folder: Path) -> Iterator[Case]:
    """Yield each fault on `OF_STREAM` other pictures each time, beside twice as many normal ones."""
    pictures = load_images(folder, "photo_imagenette_val1k")[CASES:]
    draw = np.random.default_rng(1)
    plain, _ = bench.traits(list(pictures[: 10 * OF_STREAM]))
    for number in range(STREAMS_OF_EACH):
        for kind in FAULTS:
            chosen = draw.choice(len(plain), 3 * OF_STREAM, replace=False)
            faulty = [
                damage_image(pictures[row], kind, seed=20_000 + number)
                for row in chosen[:OF_STREAM]
            ]
            rest = chosen[OF_STREAM:]
            yield Case(kind, bench.traits(faulty)[0], plain.taken(rest))


def word(names: FaultNames) -> str:
    """Return the first word of what is told: a fault that is claimed, alone or as the likelier of two."""
    return names.claimed[0] if names.claimed else UNLIKE


def confusion(title: str, bench: Bench, cases: Sequence[Case]) -> list[dict[str, object]]:
    """Return a row for each fault: how often each word came first, in per cent."""
    rows = []
    for kind in FAULTS:
        own = [(one.unusual, one.normal) for one in cases if one.kind == kind]
        told = [bench.book.names(*pair) for pair in own]
        whole = Counter(word(bench.bare.names(*pair)) for pair in own)
        words = Counter(word(names) for names in told)
        claimed = sum(words.values()) - words[UNLIKE]
        others = [(w, n) for w, n in words.most_common() if w not in (kind, UNLIKE)]
        rows.append(
            {
                "part": title,
                "fault": kind,
                "cases": len(told),
                "right %": _percent(words[kind], len(told)),
                WITHOUT: _percent(whole[kind], len(told)),
                "unlike any %": _percent(words[UNLIKE], len(told)),
                "right of those named %": _percent(words[kind], claimed),
                "two named %": _percent(sum(len(n.claimed) == 2 for n in told), len(told)),
                "else": ", ".join(f"{w} {_percent(n, len(told))}" for w, n in others),
            }
        )
    return [*rows, _whole(title, rows)]


def _whole(title: str, rows: Sequence[dict[str, object]]) -> dict[str, object]:
    def mean(column: str) -> int:
        return round(float(np.mean([float(str(row[column])) for row in rows])))

    columns = (
        *("cases", "right %", WITHOUT, "unlike any %", "right of those named %"),
        "two named %",
    )
    return {"part": title, "fault": "all", **{c: mean(c) for c in columns}, "else": ""}


def _percent(n: int, of: int) -> int:
    return round(100 * n / max(of, 1))


def left_out(bench: Bench, cases: Sequence[Case]) -> list[dict[str, object]]:
    """Return what is said of each fault by a book that has never seen it."""
    learnt, _ = bench.traits(bench.held.images)
    damaged = {
        kind: bench.traits(
            [
                damage_image(image, kind, seed=row)
                for image, row in zip(bench.held.images, bench.held.rows, strict=True)
            ]
        )[0]
        for kind in FAULTS
    }
    rows = []
    for kind in FAULTS:
        known = {name: each for name, each in damaged.items() if name != kind}
        book = learn_faults(learnt, known, [""] * len(learnt))
        if book is None:
            continue
        told = [book.names(one.unusual, one.normal) for one in cases if one.kind == kind]
        words = Counter(word(names) for names in told)
        rows.append(
            {
                "part": "never learnt",
                "fault": kind,
                "cases": len(told),
                "right %": 0,
                WITHOUT: 0,
                "unlike any %": _percent(words[UNLIKE], len(told)),
                "right of those named %": 0,
                "two named %": _percent(sum(len(n.claimed) == 2 for n in told), len(told)),
                "else": ", ".join(
                    f"{w} {_percent(n, len(told))}" for w, n in words.most_common(4) if w != UNLIKE
                ),
            }
        )
    return [*rows, _whole("never learnt", rows)]


def cameras(folder: Path) -> Iterator[Example]:
    """Yield normal frames of every real camera."""
    for stream in STREAMS:
        rows = stream.fits[:: max(len(stream.fits) // PER_CAMERA, 1)]
        for number, image in enumerate(images(folder, stream, rows)):
            yield Example(image, (f"camera={stream.name}",), number=number)
    for clip, stream in enumerate(TAMPERED, start=1):
        for number, image in enumerate(images(folder, stream, stream.fits)):
            yield Example(image, (f"camera={stream.name} {clip}",), number=number)


def real_rows(bench: Bench, folder: Path) -> list[dict[str, object]]:
    """Return a row for each real fault: what is said of each two windows of it."""
    rows = []
    for fault in REAL:
        typical = _typical(bench, folder, fault.camera)
        seen, p_values = _frames(bench, folder, fault.camera, fault.frames)
        told, whole = (
            list(_told(book, seen, p_values, typical)) for book in (bench.book, bench.bare)
        )
        rows.append(_real_row(fault, told, whole))
    return rows


def _frames(
    bench: Bench, folder: Path, camera: str, rows: Sequence[int]
) -> tuple[Traits, NDArray[np.float64]]:
    stream = Stream(camera.split(" ", maxsplit=1)[0], 0, range(0), range(0), ())
    return bench.traits(list(images(folder, stream, rows)))


def _typical(bench: Bench, folder: Path, camera: str) -> Traits:
    """Return the most typical of four frames of each of some quiet windows."""
    rows = QUIET[camera]
    windows = [rows[n : n + UNTIMED_WINDOW] for n in range(0, len(rows), UNTIMED_WINDOW)]
    few = windows[:: max(len(windows) // TYPICAL_WINDOWS, 1)]
    seen, p_values = _frames(bench, folder, camera, [row for one in few for row in one[::4]])
    ends = np.cumsum([len(one[::4]) for one in few])
    parts = np.split(np.arange(len(seen)), ends[:-1])
    chosen = [part[np.abs(p_values[part] - 0.5).argmin()] for part in parts]
    return seen.taken(np.array(chosen))


def _told(
    book: FaultBook, seen: Traits, p_values: NDArray[np.float64], typical: Traits
) -> Iterator[FaultNames]:
    """Yield what is said of each two windows, by their most unusual frames."""
    places = np.arange(len(seen))
    windows = np.split(places, np.arange(UNTIMED_WINDOW, len(places), UNTIMED_WINDOW))
    worst = [window[np.argsort(p_values[window])[:PER_WINDOW]] for window in windows]
    for first, second in zip(worst, worst[1:] or worst, strict=False):
        chosen = np.union1d(first, second)
        yield book.names(seen.taken(chosen), typical)


def _real_row(
    fault: RealFault, told: Sequence[FaultNames], whole: Sequence[FaultNames]
) -> dict[str, object]:
    words = Counter(word(names) for names in told)
    right_without = sum(word(names) in fault.right for names in whole)
    right = sum(words[name] for name in fault.right)
    claimed = sum(words.values()) - words[UNLIKE]
    others = [(w, n) for w, n in words.most_common() if w not in (*fault.right, UNLIKE)]
    return {
        "part": f"real: {fault.camera}",
        "fault": fault.what,
        "cases": len(told),
        "right %": _percent(right, len(told)),
        WITHOUT: _percent(right_without, len(whole)),
        "unlike any %": _percent(words[UNLIKE], len(told)),
        "right of those named %": _percent(right, claimed),
        "two named %": _percent(sum(len(n.claimed) == 2 for n in told), len(told)),
        "else": ", ".join(f"{w} {_percent(n, len(told))}" for w, n in others),
    }


def figures(rows: Sequence[dict[str, object]]) -> list[Figure]:
    """Return the share of right words of each part."""
    found = []
    for part in ("camera", "stream"):
        whole = next(row for row in rows if row["part"] == part and row["fault"] == "all")
        found.append(Figure(f"{part}: first word right", float(str(whole["right %"])), "%"))
        precise = float(str(whole["right of those named %"]))
        found.append(Figure(f"{part}: right where a fault is named", precise, "%"))
    real = [row for row in rows if str(row["part"]).startswith("real")]
    named = [row for row in real if float(str(row["right %"])) >= 50]
    return [
        *found,
        Figure("real faults named rightly in most windows", len(named), f"of {len(real)}"),
    ]


def main() -> None:
    """Print the tables and write build/benchmarks/faults.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    bench = Bench(reference(folder))
    cases = list(camera_cases(bench, folder))
    rows = confusion("camera", bench, cases)
    rows += confusion("stream", bench, list(stream_cases(bench, folder)))
    rows += left_out(bench, cases)
    real = Bench(cameras(folder / "streams"))
    rows += real_rows(real, folder / "streams")
    write_benchmark("faults", rows, figures(rows))


if __name__ == "__main__":
    main()
