"""``driftgauge replay`` on a database that the monitor has judged."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from driftgauge.detector import ModelIdentity, Traits, save_detector
from driftgauge.storage import (
    DetectorRecord,
    EvidenceRecord,
    FlushRecord,
    OffsetAdvance,
    Store,
)

from ...detector.fault_samples import damaged, naming_detector, pictures, traits
from ...stores import evidence, upgraded
from ..drift.test_monitor import (
    COLUMNS,
    DETECTOR,
    SECONDS,
    START,
    STREAM,
    Traffic,
    monitor,
    partly,
)
from .reading import Run, run

__all__ = ["run"]

SETTINGS = f"""\
[stream]
name = "{STREAM}"
topic = "{STREAM}"
[model]
source = "timm:resnet18"
[store]
url = "sqlite:///driftgauge.db"
[monitor]
false_alarms = "1 per 1000 minutes"
grace_seconds = 0
recovery_windows = 3
"""
WHOLE = ("--since", START.isoformat())


@pytest.fixture
def judged(run: Run, tmp_path: Path) -> Iterator[Store]:
    """Give a store of a quiet time, a change of camera 1, and quiet again, judged at a wide budget.

    The detector's folder is in the run's own, where a test may put one.
    """
    (tmp_path / "driftgauge.toml").write_text(SETTINGS)
    database = upgraded("sqlite:///driftgauge.db")
    store = Store(database)
    traffic = Traffic(store)
    layers = [{"name": name, "channels": 4} for name in COLUMNS[:-1]]
    record = DetectorRecord(
        DETECTOR, STREAM, str(tmp_path / "d1"), START, status="active", manifest={"layers": layers}
    )
    store.register_detector(record)
    traffic.quiet(15, 20)
    traffic.send(partly(12, 400, 0.13))
    traffic.quiet(12, 60)
    monitor(store).turn()
    yield store
    database.close()


def test_alerts_are_shown_beside_those_that_were_told(run: Run, judged: Store) -> None:
    (live,) = judged.alerts(STREAM)
    shown = " ".join(run("replay", *WHOLE).out.split())
    assert "1 per 1000 minutes, windows, betting, coarse" in shown
    assert "replayed 2026-03-01 00:00:00 to" in shown
    assert "117 windows of 3 segments" in shown
    assert f"camera=1 betting {live.window_start:%Y-%m-%d %H:%M:%S}" in shown
    assert "#1" in shown
    assert "The nearest without an alert; 100 % alerts" in shown
    found = run("replay", *WHOLE, "--json").values
    assert [row["live"] for row in found["alerts"]] == [[1]]
    assert found["alerts"][0]["log_e_value"] == live.log_e_value
    assert {row["segment"]: row["judged"] for row in found["segments"]} == dict.fromkeys(
        ("*", "camera=1", "camera=2"), 39
    )


@pytest.mark.usefixtures("judged")
def test_a_stricter_budget_names_what_would_not_have_been_told(run: Run) -> None:
    shown = run("replay", *WHOLE, "--false-alarms", "0.000000000000000000001 per 1000000 years").out
    assert "No alert under these settings." in shown
    assert "Told live, and not under these settings: #1 camera=1" in shown
    assert "write how many false alarms" in run("replay", *WHOLE, "--false-alarms", "few").err


@pytest.mark.usefixtures("judged")
def test_csv_has_a_row_an_alert(run: Run) -> None:
    (row,) = csv.DictReader(io.StringIO(run("replay", *WHOLE, "--csv").out))
    assert (row["segment"], row["test"], row["live"]) == ("camera=1", "betting", "[1]")


@pytest.mark.parametrize("name", ["evidence.png", "evidence.html"])
@pytest.mark.usefixtures("judged")
def test_the_evidence_is_drawn(run: Run, name: str) -> None:
    assert f"Wrote {name}." in run("replay", *WHOLE, "--plot", name).out
    content = Path(name).read_bytes()
    assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<!doctype html>")
    if name.endswith("html"):
        assert b"camera=1" in content
        assert b"http" not in content.replace(b"http://www.w3.org", b"").replace(
            b"http://purl.org", b""
        ).replace(b"http://creativecommons.org", b"").replace(b"https://matplotlib.org", b"")


@pytest.mark.usefixtures("judged")
def test_segments_tests_and_detectors_that_are_not_there_are_named(run: Run) -> None:
    assert "there are *, camera=1, camera=2" in run("replay", *WHOLE, "--segment", "line=4").err
    assert "there is no adwine" in run("replay", *WHOLE, "--tests", "adwine").err
    assert f"it has: {DETECTOR}" in run("replay", *WHOLE, "--detector", "d9").err
    alone = run("replay", *WHOLE, "--segment", "camera=2", "--json").values
    assert [row["segment"] for row in alone["segments"]] == ["camera=2"]


@pytest.mark.usefixtures("judged")
def test_the_file_is_the_same_afterwards(run: Run) -> None:
    before = {path.name: path.read_bytes() for path in Path().glob("driftgauge.db*")}
    assert run("replay", *WHOLE, "--tests", "windows,betting").code == 0
    after = {path.name: path.read_bytes() for path in Path().glob("driftgauge.db*")}
    assert after["driftgauge.db"] == before["driftgauge.db"]
    assert after.get("driftgauge.db-wal") == before.get("driftgauge.db-wal")


def put_detector(folder: Path) -> None:
    """Save a detector that names faults where the record says that it is."""
    name = save_detector(naming_detector(), folder, ModelIdentity("a" * 64, "as it is"), {})
    (folder / name).rename(folder / "d1")


def keep(store: Store, seen: Traits, kind: str, *, window: int, partition: int) -> None:
    """Keep pictures of camera 1, one a window, as an agent does."""
    layers = naming_detector().layers
    at = [START + (window + n) * timedelta(seconds=SECONDS) for n in range(len(seen))]
    kept: list[EvidenceRecord] = [
        evidence(
            n,
            topic=STREAM,
            partition=partition,
            segment="camera=1",
            kind=kind,
            window_start=at[n],
            event_time=at[n],
            layer_p_values=dict.fromkeys(layers, 0.5),
            pixels=numbers.astype("<f4").tobytes(),
        )
        for n, numbers in enumerate(seen.pixels)
    ]
    moved = OffsetAdvance(STREAM, partition, None, 100, at[-1])
    store.flush(FlushRecord(STREAM, DETECTOR, [moved], [], evidence=kept))


def test_an_alert_names_its_fault_from_the_pictures_that_were_kept(
    run: Run, judged: Store, tmp_path: Path
) -> None:
    put_detector(tmp_path)
    keep(judged, traits(pictures(1, 8)), "typical", window=2, partition=1)
    keep(judged, damaged(pictures(1, 8), "darkness", seed=7), "unusual", window=16, partition=2)
    (alert,) = run("replay", *WHOLE, "--json").values["alerts"]
    assert alert["faults"][0]["fault"] == "darkness"
    assert alert["looks_like"].startswith("looks like: darkness ")
    assert alert["looks_like"] in alert["message"]
    shown = " ".join(run("replay", *WHOLE).out.split())
    assert "looks like" in shown
    assert "darkness #1" in shown


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (put_detector, "fault not named: no picture of the change was kept"),
        (lambda folder: None, "fault not named: the detector cannot be read: "),
    ],
)
def test_an_alert_that_names_no_fault_says_why(
    run: Run, judged: Store, tmp_path: Path, arrange: Callable[[Path], None], why: str
) -> None:
    arrange(tmp_path)
    keep(judged, traits(pictures(1, 8)), "typical", window=2, partition=1)
    (alert,) = run("replay", *WHOLE, "--json").values["alerts"]
    assert alert["looks_like"].startswith(why)
    assert alert["faults"] == []
    assert f"camera=1: {why}" in run("replay", *WHOLE).out
