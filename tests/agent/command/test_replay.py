"""``driftgauge replay`` on a database that the monitor has judged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgauge.storage import Database, DetectorRecord, Store

from ..drift.test_monitor import COLUMNS, DETECTOR, START, STREAM, Traffic, monitor, partly
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
    """Give a store of a quiet time, a change of camera 1, and quiet again, judged at a wide budget."""
    (tmp_path / "driftgauge.toml").write_text(SETTINGS)
    database = Database("sqlite:///driftgauge.db")
    database.upgrade()
    store = Store(database)
    traffic = Traffic(store)
    layers = [{"name": name, "channels": 4} for name in COLUMNS[:-1]]
    record = DetectorRecord(
        DETECTOR, STREAM, "d1", START, status="active", manifest={"layers": layers}
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
