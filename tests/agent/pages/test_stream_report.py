"""``driftgauge report``: the page says what the database says, whatever was sent."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from driftgauge.agent.command.__main__ import main
from driftgauge.storage import (
    CLASSES,
    AlertRecord,
    DetectorRecord,
    EvidenceRecord,
    Judgement,
    MonitorState,
    Store,
    WindowRecord,
)

from ...stores import (
    DETECTOR,
    START,
    STREAM,
    TOPIC,
    HandClock,
    advance,
    alert,
    flush,
    upgraded,
    window,
)
from .browser import page_width

HOSTILE = '</title><script>alert("x")</script><img src=x onerror=alert(1)>'
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63680000008200817752 25b60000000049454e44ae426082".replace(" ", "")
)

Report = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = upgraded(f"sqlite:///{tmp_path}/driftgauge.db")
    yield Store(database, now=HandClock())
    database.close()


@pytest.fixture
def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Report:
    """Run ``driftgauge report``; return the page, in one line."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> str:
        command = ["driftgauge", "report", "--store", "sqlite:///driftgauge.db", *options]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        assert "Wrote report.html." in capsys.readouterr().out
        return " ".join((tmp_path / "report.html").read_text().split())

    return run


def fill(
    store: Store,
    windows: Sequence[WindowRecord],
    *,
    alerts: Sequence[AlertRecord] = (),
    evidence: Sequence[EvidenceRecord] = (),
) -> None:
    store.ensure_stream(STREAM, TOPIC, 60)
    normal = {"normal_rates": {"*": 0.01, "camera=3": 0.008}}
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "runs/d1", START, status="active", manifest=normal)
    )
    store.flush(flush(advance(None, 200), windows=windows, evidence=evidence))
    if alerts:
        store.judge(Judgement(STREAM, None, MonitorState(START, ""), alerts))


def frame(number: int, *, segment: str, kind: str, picture: bytes | None) -> EvidenceRecord:
    return EvidenceRecord(
        segment=segment, window_start=START, kind=kind, topic=TOPIC, partition=0, offset=number,
        event_id=f"event-{number}", event_time=START + timedelta(seconds=number), p_value=0.002,
        layer_p_values={"*": 0.002}, thumbnail=picture,
    )  # fmt: skip


def test_the_page_tells_rates_beside_the_normal_and_alerts_with_their_steps(
    store: Store, report: Report
) -> None:
    windows = [
        window({0: bad, 17: 100 - bad}, minute=minute, segment=segment)
        for minute, bad in ((0, 1), (1, 30))
        for segment in ("*", "camera=3")
    ]
    fill(store, windows, alerts=[alert(segment="camera=3", message="camera 3 & its lens")])
    live = store.alerts(STREAM)[0]
    store.transition_alert(live.id or 0, "acknowledged", at=START, by="ada", note="on my way")
    page = report()
    assert "<bdi>camera=3</bdi>" in page
    assert "200 images, 16 % out of distribution, normally 0.8 %; 30 % in the worst window" in page
    assert "camera 3 &amp; its lens" in page
    assert f"{START:%Y-%m-%d %H:%M:%S} UTC: acknowledged by <bdi>ada</bdi>: <bdi>on my way" in page
    assert "1 live alert<" in page
    assert not re.findall(r"https?://|<script|<link|url\(|@import", page)


def test_the_page_tells_predicted_classes_beside_the_normal_mix(
    store: Store, report: Report
) -> None:
    classes = window({0: 10, 1: 30}, layer=CLASSES, minute=0, segment="camera=3")
    fill(store, [window({17: 40}, minute=0, segment="camera=3"), classes])
    assert "Predicted:" not in report()  # their names are not known
    notes = {"class_shares": {"camera=3": {"cat": 0.9, "dog": 0.1}}}
    manifest: dict[str, object] = {"classes": ["cat", "<b>dog"], "notes": notes}
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "runs/d1", START, status="active", manifest=manifest)
    )
    page = report()
    assert "Predicted: <bdi>&lt;b&gt;dog</bdi> 75 % (normally 0 %)" in page
    assert "<bdi>cat</bdi> 25 % (normally 90 %)" in page


def test_the_strip_of_p_values_is_explained_by_the_streams_own_figures(
    store: Store, report: Report
) -> None:
    fill(store, [window({0: 30, 17: 70}, minute=1, segment="camera=3")])
    assert (
        "For example: in the window of 60 s from 2026-03-01 12:01:00 UTC, 100 images of camera=3 "
        "were scored, and 30 of them (30 %) had p at most 0.01, so they lie at the top. While "
        "nothing is wrong, 0.8 % do."
    ) in report()


def test_names_from_outside_are_shown_as_text(store: Store, report: Report) -> None:
    segments = (f"camera={HOSTILE}", "camera=\u202egnp.\x1b[2J")
    fill(
        store,
        [window({17: 100}, minute=0, segment=segment) for segment in segments],
        alerts=[alert(segment=segments[0], message=HOSTILE)],
        evidence=[frame(1, segment=segments[0], kind="unusual", picture=PIXEL)],
    )
    page = report()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "camera=&lt;/title&gt;&lt;script&gt;" in page
    assert "camera=\\u202egnp.\\x1b[2J" in page
    assert "\u202e" not in page


def test_of_a_thousand_segments_the_worst_are_shown_and_the_rest_counted(
    store: Store, report: Report
) -> None:
    bad = "camera=777"
    fill(
        store,
        [
            window({0: 9 if name == bad else 0, 17: 91}, minute=0, segment=name)
            for name in (f"camera={number}" for number in range(1000))
        ],
    )
    page = report()
    assert page.count('class="camera"') == 10
    assert page.index("<bdi>camera=777</bdi>") < page.index("<bdi>camera=0</bdi>")
    assert "… and 990 more segments" in page
    assert "camera=42<" not in page
    assert "<bdi>camera=42</bdi>" in report("--segment", "camera=42")


def test_a_frame_opens_larger_without_a_script_and_tells_where_it_lies(
    store: Store, report: Report
) -> None:
    kept = [
        frame(1, segment="camera=3", kind="unusual", picture=PIXEL),
        frame(2, segment="camera=3", kind="typical", picture=None),
    ]
    fill(store, [window({17: 100}, minute=0, segment="camera=3")], evidence=kept)
    page = report()
    links = re.findall(r'class="open" href="#([^"]+)"', page)
    assert len(links) == 1
    assert f'id="{links[0]}"' in page
    assert "event-1 at images/0@1" in page
    assert "no picture: only its taps were sent" in page


def test_a_camera_that_sent_nothing_has_a_gap_and_no_made_up_rate(
    store: Store, report: Report
) -> None:
    fill(
        store,
        [window({17: 100}, minute=minute, segment="camera=3") for minute in (0, 1, 8, 9)],
    )
    line = re.search(r'<path d="([^"]+)" fill="none"', report())
    assert line is not None
    assert [part.split()[0] for part in line[1].split("M")[1:]] == ["0.0", "800.0"]
    assert "H200.0" in line[1]


def test_since_leaves_out_what_lies_before(store: Store, report: Report) -> None:
    fill(store, [window({17: 100}, minute=minute, segment="camera=3") for minute in (0, 30, 31)])
    page = report("--since", f"{START + timedelta(minutes=30):%Y-%m-%dT%H:%M}")
    assert "Images from 2026-03-01 12:30:00 UTC to 2026-03-01 12:32:00 UTC" in page
    assert "200 images," in page
    assert "No images since 2030-01-01 00:00:00 UTC are counted." in report("--since", "2030-01-01")


@pytest.mark.parametrize(("minutes", "column"), [(200, "window of 60 s"), (9_000, "hour")])
def test_columns_are_as_fine_as_fits(
    store: Store, report: Report, minutes: int, column: str
) -> None:
    fill(store, [window({17: 9}, minute=at, segment="camera=3") for at in range(0, minutes, 50)])
    assert f"by {column}." in report("--since", "2026-03-01")


def test_a_stream_without_images_says_so(store: Store, report: Report) -> None:
    store.ensure_stream(STREAM, TOPIC, 60)
    page = report()
    assert "No images are counted yet." in page
    assert "No alert in this time." in page


def test_a_database_without_a_stream_says_so(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "sqlite:///driftgauge.db"
    monkeypatch.setattr(sys, "argv", ["driftgauge", "report", "--store", url])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "the database has no stream yet" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_a_page_that_cannot_be_written_is_one_line(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store.ensure_stream(STREAM, TOPIC, 60)
    monkeypatch.chdir(tmp_path)
    command = ["driftgauge", "report", "--store", "sqlite:///driftgauge.db", "-o", "no/where.html"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "cannot be written to no/where.html: No such file" in capsys.readouterr().err


def test_only_the_one_who_made_it_may_read_a_page_with_pictures(
    store: Store, report: Report, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("an older one")
    store.ensure_stream(STREAM, TOPIC, 60)
    report()
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600


def test_nothing_is_cut_off_on_a_phone(store: Store, report: Report, tmp_path: Path) -> None:
    long = "camera=" + "line-3-station-7-" * 12
    told = replace(alert(segment=long), message="x" * 300)
    evidence = [frame(at, segment=long, kind="unusual", picture=PIXEL) for at in range(4)]
    windows = [window({0: 50, 17: 50}, minute=at, segment=long) for at in range(9)]
    fill(store, windows, alerts=[told], evidence=evidence)
    report()
    assert page_width(tmp_path / "report.html", at=390) == 390
