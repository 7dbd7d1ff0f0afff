from __future__ import annotations

import pytest

from driftgauge.storage import CLASSES, DetectorRecord, Store

from ...stores import START, STREAM, advance, alert, flush, window
from .reading import Run, run, written

__all__ = ["run", "written"]


@pytest.fixture
def counted(written: Store) -> Store:
    rows = [
        window({0: cats, 1: 90 - cats, 17: 10}, minute=minute, segment=segment, layer=CLASSES)
        for minute, cats in ((0, 30), (60, 80))
        for segment in ("*", "camera=3")
    ]
    written.flush(flush(advance(None, 200), windows=[*rows, window({3: 100}, segment="camera=3")]))
    notes = {
        "class_names": {"281": "tabby"},
        "class_shares": {"camera=3": {"281": 0.31, "dog": 0.6}},
    }
    manifest = {"classes": ["281", "dog"], "notes": notes}
    written.register_detector(
        DetectorRecord("detector-1", STREAM, "runs/d1", START, status="active", manifest=manifest)
    )
    return written


def test_classes_are_listed_beside_their_normal_share(run: Run, counted: Store) -> None:
    shown = run("rates", "--classes", "--segment", "camera=3")
    rows = [line.split() for line in shown.out.splitlines() if "camera=3" in line]
    assert (shown.code, len(rows)) == (0, 6)
    assert ["tabby", "80", "80.0", "%", "31.0", "%"] in [row[3:] for row in rows]


def test_classes_are_values_for_scripts(run: Run, counted: Store) -> None:
    (first, *_) = run(
        "rates", "--classes", "--segment", "camera=3", "--limit", "3", "--json"
    ).values
    assert (first["class"], first["events"], first["share"]) == ("tabby", 80, 0.8)
    assert first["normal_share"] == 0.31
    assert run("rates", "--classes", "--csv").out.startswith(
        "period_start,segment,class,detector,events,share,normal_share\n"
    )


def test_a_stream_without_classes_says_why(run: Run, written: Store) -> None:
    shown = run("rates", "--classes")
    assert "its model is no classifier" in " ".join(shown.out.split())
    assert run("rates", "--classes", "--top", "3").code == 2


def test_an_alert_on_classes_does_not_take_its_rate_for_its_subject(
    run: Run, counted: Store
) -> None:
    from driftgauge.storage import Judgement, MonitorState

    told = alert(test="label_shift", severity="info", message="camera 3: more tabby")
    counted.judge(Judgement(STREAM, None, MonitorState(START, ""), [told]))
    assert "not what this alert is about: 4.1 % of 120 images" in run("alerts", "show", "1").out
