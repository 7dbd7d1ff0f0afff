"""``driftgauge detectors`` on a real SQLite file, with artifacts' folders on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from driftgauge.storage import (
    CountsBeside,
    DetectorRecord,
    GateCheck,
    Judgement,
    MonitorState,
    Store,
)

from ...stores import DETECTOR, START, STREAM, advance, alert, flush, window
from .reading import Run, run, tell, written

__all__ = ["run", "written"]

MANIFEST = {
    "layers": [{"name": name, "channels": 8} for name in ("stem", "stem~roughness", "stage")],
    "notes": {"coverage": {"events": 1200}},
}


@pytest.fixture
def versions(written: Store, tmp_path: Path) -> Store:
    """Give three versions, the first active, each with a folder."""
    for number in (1, 2, 3):
        name = f"detector-{number}"
        folder = tmp_path / "runs" / name
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps(MANIFEST))
        (folder / "detector.safetensors").write_bytes(b"x" * 1_000_000)
        at = START + timedelta(hours=number)
        record = DetectorRecord(name, STREAM, str(folder), at, "candidate", MANIFEST)
        written.register_detector(replace(record, status="active" if number == 1 else "candidate"))
    written.flush(flush(advance(None, 100), windows=[window({0: 10, 17: 90})]))
    return written


def test_list_has_figures_of_every_version(run: Run, versions: Store) -> None:
    tell(versions, detector=DETECTOR)
    newest, _, active = run("detectors", "list", "--json").values
    assert (newest["detector"], newest["status"], newest["events"]) == (
        "detector-3",
        "candidate",
        0,
    )
    assert (active["status"], active["changed_by"]) == ("active", "fit")
    assert (active["events"], active["ood_rate"], active["reference_events"]) == (100, 0.1, 1200)
    assert active["layers"] == ["stem", "stage"]
    assert active["bytes_on_disk"] == 1_000_000 + len(json.dumps(MANIFEST))
    assert active["agents"] == ["edge-7"]
    said = run("detectors", "list").out
    assert "1.0 MB" in said
    assert "10.0 %" in said


def test_promote_and_rollback_say_when_every_agent_has_changed(run: Run, versions: Store) -> None:
    said = run("detectors", "promote", "detector-2", "--by", "ann", "--note", "new lenses")
    assert "Detector detector-2 is active.\nNo agent runs" in said.out
    tell(versions, detector="detector-2")
    waited = run("detectors", "rollback", "--wait", "--timeout", "1", "--by", "ann")
    assert waited.code == 3
    assert "1 of 1 agents have not changed yet" in waited.out
    tell(versions, detector="detector-1")
    versions.versions.promote(STREAM, "detector-2", by="ann")
    tell(versions, detector="detector-2")
    shown = run("detectors", "rollback", "--json").values
    assert shown["detector"] == "detector-1"
    assert (shown["agents_changed"], shown["agents_behind"]) == (0, 1)
    history = run("detectors", "show", "detector-1").out
    assert "restored by" in history
    assert "replaced by ann: by detector-2: new lenses" in history


def test_waiting_ends_when_every_agent_says_that_it_stays(run: Run, versions: Store) -> None:
    tell(versions, detector="detector-1", detector_problem="its folder is not there")
    said = run("detectors", "promote", "detector-2", "--wait", "--timeout", "60")
    assert said.code == 3
    assert "edge-7 stays with detector-1: its folder is not there" in said.out


def test_a_name_may_be_cut_but_not_mistyped(run: Run, versions: Store) -> None:
    assert run("detectors", "show", "detector-3", "--json").values["detector"] == "detector-3"
    unclear = run("detectors", "show", "detector")
    assert unclear.code == 2
    assert "has several detectors 'detector'" in unclear.err
    assert "has no detector 'x'" in run("detectors", "show", "x").err


def test_a_refusal_is_shown_with_its_reason(run: Run, versions: Store) -> None:
    run("detectors", "refuse", "detector-2", "--note", "trained with a wet window")
    assert "detector-2 was refused: trained with a wet window" in run("detectors", "list").out
    refused = run("detectors", "promote", "detector-2")
    assert refused.code == 1
    assert "--force uses it all the same" in refused.err
    assert run("detectors", "promote", "detector-2", "--force").code == 0


def test_prune_keeps_what_something_stands_on(run: Run, versions: Store, tmp_path: Path) -> None:
    versions.versions.promote(STREAM, "detector-2", by="ann")
    versions.versions.shadow(STREAM, "detector-3", by="ann")
    told = run("detectors", "prune", "--keep", "0", "--json").values
    assert told["pruned"] == []
    assert told["needed"] == {
        "detector-1": "driftgauge detectors rollback would restore it",
        "detector-2": "it is active",
        "detector-3": "it scores beside the active one",
    }


def test_prune_deletes_what_nothing_needs(run: Run, versions: Store, tmp_path: Path) -> None:
    for name in ("detector-2", "detector-3"):
        versions.versions.promote(STREAM, name, by="ann")
    # counts of the first wait to be judged, and then an alert of it lives
    assert "not judged yet" in run("detectors", "prune", "--keep", "0").out
    claim = versions.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=0.0, grace_seconds=0.0
    )
    done = Judgement(
        STREAM, None, MonitorState(START, "{}"), [alert()], claim=claim, detector=DETECTOR
    )
    (raised,) = versions.judge(done)
    assert "1 live alerts stand on it" in run("detectors", "prune", "--keep", "0").out
    versions.transition_alert(raised.id or 0, "resolved", at=START, by="ann")
    assert "Nothing to delete." in run("detectors", "prune").out  # --keep is 2
    dry = run("detectors", "prune", "--keep", "0", "--dry-run").out
    assert "detector-1 would be deleted (1.0 MB)" in dry
    assert (tmp_path / "runs" / "detector-1").is_dir()
    assert "detector-1 is deleted" in run("detectors", "prune", "--keep", "0").out
    assert not (tmp_path / "runs" / "detector-1").exists()
    listed = [one["detector"] for one in run("detectors", "list", "--json").values]
    assert listed == ["detector-3", "detector-2"]
    assert "retired, pruned" in run("detectors", "list", "--all").out


def test_prune_leaves_a_folder_that_holds_anything_else(
    run: Run, versions: Store, tmp_path: Path
) -> None:
    (tmp_path / "runs" / "detector-3" / "thesis.docx").write_text("mine")
    told = run("detectors", "prune", "--keep", "0", "--json").values
    assert told["pruned"] == ["detector-2"]
    assert "holds thesis.docx" in told["left"]["detector-3"]
    assert (tmp_path / "runs" / "detector-3" / "manifest.json").exists()


def test_a_kill_in_the_middle_of_prune_is_made_up_for(
    run: Run, versions: Store, tmp_path: Path
) -> None:
    versions.versions.note_pruned(STREAM, "detector-3", by="ann")
    (tmp_path / "runs" / "detector-3" / "detector.safetensors").unlink()
    assert "detector-3" in run("detectors", "prune", "--keep", "5", "--json").values["pruned"]
    assert not (tmp_path / "runs" / "detector-3").exists()


def test_a_shadow_is_shown_beside_the_active_one(run: Run, versions: Store) -> None:
    assert run("detectors", "shadow", "detector-2", "--by", "ann").out == (
        "Detector detector-2 is shadow.\n"
    )
    beside = [CountsBeside("shadow~detector-2", [window({0: 50, 17: 50}, minute=10**7)])]
    own = flush(advance(100, 200), windows=[window({0: 2, 17: 98}, minute=10**7)])
    versions.flush(replace(own, beside=beside))
    (rate,) = run("detectors", "show", "detector-2", "--json").values["shadow_rates"]
    assert (rate["events"], rate["active_rate"], rate["shadow_rate"]) == (100, 0.02, 0.5)
    said = run("detectors", "show", "detector-2").out
    assert "in 0 segments, as the active detector it would raise alerts" in said
    assert "50.0 %" in said
    assert run("detectors", "show", "detector-1", "--json").values["shadow_rates"] == []


def test_a_trial_says_until_when_and_what_it_found(run: Run, versions: Store) -> None:
    run("detectors", "shadow", "detector-2", "--trial", "2 days", "--by", "ann")
    trial = versions.trials.running(STREAM)
    assert trial is not None
    assert trial.due_at - trial.begun_at == timedelta(days=2)
    assert f"shadow until {trial.due_at:%Y-%m-%d %H:%M}" in run("detectors", "list").out
    assert "to be decided at" in run("detectors", "show", "detector-2").out
    assert "detector-2 scores beside detector-1" in run("status").out
    check = GateCheck("rates", "refused", "the stream: 4 % of 900 images")
    versions.trials.end(trial, "refused", [check], by="trial 1", note="its rate does not hold")
    said = run("detectors", "show", "detector-2").out
    assert "refused at" in said
    assert "its rate does not hold" in said
    assert "4 % of 900 images" in said


def test_a_trial_s_length_is_a_duration(run: Run, versions: Store) -> None:
    assert run("detectors", "shadow", "detector-2", "--trial", "soon").code == 2
    assert versions.trials.all(STREAM) == []
