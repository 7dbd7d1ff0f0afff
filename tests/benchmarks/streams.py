"""False alarms and delays on real fixed cameras: the detector and the bets without a broker.

One detector is fitted on the first part of all cameras together. Each camera's baseline is learnt from the
frames that follow, as `run` learns it (of one camera, from the held-out part), and the rest is judged in order of
time, in windows of 16 frames.

The detector is the default one: both moments of each layer, and pixels. `--p-values FILE` keeps what it says of all
frames, so that tests can be compared in seconds.

Run: python -m tests.benchmarks.streams FOLDER [--tests NAME ...] [--p-values FILE]   (zips of JPEG frames in time
order)
"""

from __future__ import annotations

import argparse
import io
import math
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from driftgauge.agent.drift.baseline import (
    Baseline,
    effective_windows,
    learn_baseline,
)
from driftgauge.agent.drift.drift_test import DriftTest
from driftgauge.agent.drift.growth import with_day
from driftgauge.agent.drift.known_windows import KnownWindows
from driftgauge.agent.drift.power import Power, measure_power
from driftgauge.agent.drift.segment_states import SegmentStates, SegmentWindow
from driftgauge.agent.drift.tests.catalogue import DEFAULT_TESTS, choose_tests
from driftgauge.agent.fit.example import Example
from driftgauge.agent.fit.gather import UNTIMED_WINDOW, Reference, gather_reference
from driftgauge.agent.fit.tap_store import open_until_done
from driftgauge.agent.model.scorer import LayerReader
from driftgauge.detector import Detector, count_windows, fit_detector, score_all

from ..agent.drift.many_runs import Counts, alarms
from .season_taps import season_reader
from .table import Figure, write_benchmark

A = 1000.0
NEVER = 1e300
"""A budget at which nothing alarms but the rule for gross changes."""
USEFUL_WINDOWS = 60
"""A camera counts as tested where a total failure is told within so many windows: an hour of minutes."""
REFERENCE_SHARE = 0.35
LEAST_FAULT = 10
"""Frames of the shortest fault that is to be found."""
DAY_WINDOWS = 9
"""Windows of a day of keio_river."""
LEAD_WINDOWS = 6
"""Windows before a fault that are judged with it."""


@dataclass(frozen=True)
class Stream:
    """One camera.

    Attributes:
        frames: how many it has.
        fits: rows that the detector is fitted on, with the other cameras'.
        learns: rows that its own baseline is learnt from, as `run` does; empty: the held-out part of *fits*.
        quiet: spans of rows without a fault, after what is learnt.
        faults: spans of rows with one.
    """

    name: str
    frames: int
    fits: range
    learns: range
    quiet: tuple[range, ...]
    faults: tuple[range, ...] = ()


def _learning(name: str, frames: int, fault_from: int | None = None) -> Stream:
    """Return a camera whose first part the detector is fitted on, and whose baseline follows it."""
    until = fault_from or frames
    part = int(until * REFERENCE_SHARE)
    fault = (range(fault_from, frames),) if fault_from else ()
    return Stream(
        name, frames, range(part), range(part, 2 * part), (range(2 * part, until),), fault
    )


STREAMS = (
    _learning("vegas_site", 1479, fault_from=917),
    _learning("pets2001_carpark", 912),
    _learning("office_entry", 1394),
    _learning("campus_vtest", 795),
    _learning("cdnet_highway", 850),
    Stream(
        "keio_river",
        4137,
        fits=range(1220, 2300),
        learns=range(0),
        quiet=(range(2310, 2825), range(2840, 3130)),
        faults=(
            range(99, 169),
            range(455, 499),
            range(1000, 1051),
            range(1055, 1086),
            range(1172, 1220),
            range(3329, 3386),
            range(3743, 3816),
        ),
    ),
)
"""The seventh recording, three staged clips of 14 to 41 normal frames each, is shorter than any reference."""


def images(folder: Path, stream: Stream, rows: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Yield frames of a stream."""
    with zipfile.ZipFile(folder / f"{stream.name}.zip") as archive:
        for row in rows:
            encoded = archive.read(f"{row:06d}.jpg")
            yield np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def reference(folder: Path) -> Iterator[Example]:
    """Yield every stream's first part."""
    for stream in STREAMS:
        frames = images(folder, stream, stream.fits)
        for number, image in enumerate(frames):
            yield Example(image, (f"camera={stream.name}",), number=number)


def gather(
    examples: Iterator[Example], reader: LayerReader, *, keep_pictures: int = 0
) -> Reference:
    """Read them, with their taps in a folder that nobody needs afterwards."""
    with tempfile.TemporaryDirectory() as folder, open_until_done(Path(folder) / "taps") as store:
        return gather_reference(
            examples,
            reader,
            store,
            batch=16,
            window_seconds=1,
            on_images=lambda n: None,
            keep_pictures=keep_pictures,
        )


def p_values(
    folder: Path, stream: Stream, detector: Detector, reader: LayerReader
) -> NDArray[np.float64]:
    """Return the p-values of all frames, ``(frames, columns)``."""
    examples = (Example(image, ()) for image in images(folder, stream, range(stream.frames)))
    live = gather(examples, reader)
    scores = score_all(detector, live.taps, live.rows)
    uniforms = np.random.default_rng(0).uniform(1e-9, 1.0, len(scores))
    _, found = detector.p_values(scores, uniforms)
    return found


def windows_of_rows(found: NDArray[np.float64], rows: range) -> Counts:
    """Return whole windows of *rows*, ``(windows, columns, bins)``."""
    whole = found[rows.start : rows.start + len(rows) // UNTIMED_WINDOW * UNTIMED_WINDOW]
    return count_windows(whole, np.arange(len(whole)) // UNTIMED_WINDOW)


def quiet_alarms(
    baseline: Baseline | None,
    stream: Stream,
    found: NDArray[np.float64],
    tests: Sequence[DriftTest],
    budget: float = A,
) -> int:
    """Return the alarms in quiet windows."""
    spans = {str(n): windows_of_rows(found, rows) for n, rows in enumerate(stream.quiet)}
    told = alarms(dict.fromkeys(spans, baseline), spans, budget, tests)
    return sum(len(each) for each in told.values())


def quiet_shifts(reference: Counts, stream: Stream, found: NDArray[np.float64]) -> str:
    """Return how far quiet stretches of `DAY_WINDOWS` lie from the baseline, at least and at most."""
    known, shifts = KnownWindows.of(reference), list[float]()
    for rows in stream.quiet:
        windows = windows_of_rows(found, rows)
        for first in range(0, len(windows) - DAY_WINDOWS + 1, DAY_WINDOWS):
            day = windows[first : first + DAY_WINDOWS]
            shifts.append(with_day(known, day, share=0.25, number=0)[1])
    return f"{min(shifts):.2f} to {max(shifts):.2f}" if shifts else "-"


def fault_delays(
    baseline: Baseline | None,
    stream: Stream,
    found: NDArray[np.float64],
    tests: Sequence[DriftTest],
    budget: float = A,
) -> list[int | None]:
    """Return the windows from each fault's first frame to its alarm; None where it was not found."""
    delays: list[int | None] = []
    for before, windows in fault_windows(stream, found):
        told = alarms({"a": baseline}, {"a": windows}, budget, tests)["a"]
        delays.append(next((number - before for number in told if number > before), None))
    return delays


def fault_windows(stream: Stream, found: NDArray[np.float64]) -> Iterator[tuple[int, Counts]]:
    """Yield the windows of each fault that is to be found, after some before it; and how many these are."""
    for fault in stream.faults:
        if len(fault) > LEAST_FAULT:
            before = min(LEAD_WINDOWS, fault.start // UNTIMED_WINDOW)
            rows = range(fault.start - before * UNTIMED_WINDOW, fault.stop)
            yield before, windows_of_rows(found, rows)


def highest_evidence(baseline: Baseline, windows: Counts, tests: Sequence[DriftTest]) -> float:
    """Return the highest statistic in the course of *windows* against what an alert takes, as logarithms."""
    states = SegmentStates(tests)
    states.enter("a", baseline)
    found = [
        states.judge(
            [SegmentWindow(segment="a", counts=counts, start=datetime.fromtimestamp(n, UTC))]
        )["a"][tests[0].alert]
        for n, counts in enumerate(windows, start=1)
    ]
    return max(found) / math.log(A)


def row(
    stream: Stream,
    held_out: Counts,
    found: NDArray[np.float64],
    tests: Sequence[DriftTest] = DEFAULT_TESTS,
) -> dict[str, object]:
    """Return one line of the table; a camera without a baseline is not tested."""
    reference = windows_of_rows(found, stream.learns) if stream.learns else held_out
    baseline = learn_baseline(reference, tests)
    n_quiet = sum(len(rows) // UNTIMED_WINDOW for rows in stream.quiet)
    power = None if baseline is None else _power(baseline, tests)
    is_useful = power is not None and (power.total_failure or math.inf) <= USEFUL_WINDOWS
    delays = fault_delays(baseline, stream, found, tests)
    evidence = [
        highest_evidence(baseline, windows, tests) if baseline else 0.0
        for _, windows in fault_windows(stream, found)
    ]
    return {
        "camera": stream.name,
        "reference windows": len(reference),
        "worth": round(effective_windows(reference), 1),
        "total failure within": "-" if power is None else power.total_failure or "-",
        "10 % within": "-" if power is None else power.tenth or "-",
        "quiet windows": n_quiet,
        "tested": n_quiet if is_useful else 0,
        "promised": _has_promise(baseline),
        "quiet days off by": quiet_shifts(reference, stream, found),
        "false alarms": quiet_alarms(baseline, stream, found, tests),
        "faults": len(delays),
        "windows to the alarm": _in_words(delays),
        "gross alone": _in_words(fault_delays(baseline, stream, found, tests, NEVER)),
        "gross, false": quiet_alarms(baseline, stream, found, tests, NEVER),
        "evidence": ", ".join(f"{each:.2f}" for each in evidence),
    }


def _in_words(delays: Sequence[int | None]) -> str:
    return ", ".join("-" if delay is None else str(delay) for delay in delays)


def _has_promise(baseline: Baseline | None) -> str:
    """Return whether the false-alarm budget is promised, or only gross changes are tested."""
    if baseline is None or baseline.is_provisional:
        return "provisional" if baseline else "-"
    return "yes" if baseline.keeps(math.log(A)) else "no"


def _power(baseline: Baseline, tests: Sequence[DriftTest]) -> Power:
    return measure_power({"a": baseline}, math.log(A), tests=tests)["a"]


def summary(rows: list[dict[str, object]]) -> list[Figure]:
    """Return the figures."""
    total, quiet, tested, faults = (
        sum(int(str(r[name])) for r in rows)
        for name in ("false alarms", "quiet windows", "tested", "faults")
    )
    delays = [d for r in rows for d in str(r["windows to the alarm"]).split(", ") if d]
    share = round(100 * tested / max(quiet, 1), 1)
    missed = delays.count("-")
    return [
        Figure("quiet windows tested", share, "%", "at least 80", share >= 80),
        Figure(
            "false alarms on real cameras",
            total,
            f"in {quiet} quiet windows",
            f"at most 1 at A = {A:g}",
            total <= 1,
        ),
        Figure("faults missed", missed, f"of {faults}", "0", missed == 0),
        Figure(
            "false alarms of the rule for gross changes",
            sum(int(str(r["gross, false"])) for r in rows),
            f"in {quiet} quiet windows",
        ),
    ]


def _read(folder: Path) -> dict[str, NDArray[Any]]:
    """Fit the detector; return each stream's p-values, and its held-out windows as ``NAME/held out``."""
    reader = season_reader()
    known = gather(reference(folder), reader)
    detector = fit_detector(
        known.taps, window_ids=known.window_ids, segments=known.segments, rows=known.rows
    )
    found: dict[str, NDArray[Any]] = {}
    for stream in STREAMS:
        found[stream.name] = p_values(folder, stream, detector, reader)
        found[f"{stream.name}/held out"] = detector.reference[f"camera={stream.name}"]
    return found


def _kept(folder: Path, kept: Path | None) -> Mapping[str, NDArray[Any]]:
    """Return what `_read` finds, from the file *kept* if it is there; else it is written."""
    if kept is None:
        return _read(folder)
    if not kept.exists():
        np.savez(kept, allow_pickle=False, **_read(folder))
    with np.load(kept) as stored:
        return dict(stored)


def main() -> None:
    """Print the table and write build/benchmarks/streams.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tests", nargs="+", help="instead of the default ones; of one alert")
    parser.add_argument("--p-values", type=Path, metavar="FILE", help="ending in .npz: kept there")
    chosen = parser.parse_args()
    tests = choose_tests(chosen.tests) if chosen.tests else DEFAULT_TESTS
    found = _kept(chosen.folder, chosen.p_values)
    rows = [
        row(stream, found[f"{stream.name}/held out"], found[stream.name], tests)
        for stream in STREAMS
    ]
    write_benchmark("streams", rows, summary(rows))


if __name__ == "__main__":
    main()
