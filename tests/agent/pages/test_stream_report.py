"""The report of any stream: one page, from its database alone, on both databases."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from driftgauge.agent.counting.evidence import thumbnail
from driftgauge.agent.pages.stream_report import write_stream_report
from driftgauge.storage import (
    DetectorRecord,
    EvidenceRecord,
    Judgement,
    MonitorState,
    Store,
)

from ...stores import DETECTOR, START, STREAM, TOPIC, advance, alert, flush, window

HOSTILE = 'camera=<script>alert("x")</script>'
VOID = {"meta", "br", "img", "path", "link", "hr"}


class WellFormed(HTMLParser):
    """Fails on a tag that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass


def kept(segment: str, kind: str) -> EvidenceRecord:
    picture = thumbnail(np.full((32, 32, 3), 90, dtype=np.uint8), "keep")
    return EvidenceRecord(
        segment=segment, window_start=START, kind=kind, topic=TOPIC, partition=0, offset=1,
        event_id="frame-1", event_time=START, p_value=0.002, layer_p_values={}, thumbnail=picture,
        item=0,
    )  # fmt: skip


def fill(store: Store, *, minutes: int = 120) -> None:
    """Write windows of three segments, frames of one, and an alert."""
    segments = ("*", "camera=3", HOSTILE)
    rows = [
        window({0: minute % 20, 17: 80}, minute=minute, segment=segment)
        for minute in range(0, minutes, minutes // 60)
        for segment in segments
    ]
    end = advance(None, 9000, event_time_max=START + timedelta(minutes=minutes))
    pictures = [kept("camera=3", kind) for kind in ("unusual", "typical")]
    store.flush(replace(flush(end, windows=rows), evidence=pictures))
    manifest = {"normal_rates": {"camera=3": 0.005}}
    record = DetectorRecord(DETECTOR, STREAM, "d", START, active=True, manifest=manifest)
    store.register_detector(record)
    claim = alert(
        since=START, window_start=START + timedelta(minutes=5),
        refreshed_at=START + timedelta(minutes=minutes - 5),
    )  # fmt: skip
    store.judge(Judgement(STREAM, None, MonitorState(START, ""), [claim]))


def page_of(store: Store, folder: Path, **more: object) -> str:
    (stream,) = store.streams()
    path = folder / "report.html"
    given = {"since": None, "now": START + timedelta(hours=3)} | more
    write_stream_report(path, store, stream, **given)  # type: ignore[arg-type] # forwarded
    assert path.stat().st_mode & 0o077 == 0  # it holds pictures
    return path.read_text()


def test_the_page_needs_no_network_and_is_well_formed(store: Store, tmp_path: Path) -> None:
    fill(store)
    page = page_of(store, tmp_path)
    assert not re.findall(r"https?://|<link|url\(|@import|<script", page)
    parser = WellFormed()
    parser.feed(page)
    assert parser.open == []


def test_the_page_has_every_segment_its_normal_its_alerts_and_its_frames(
    store: Store, tmp_path: Path
) -> None:
    fill(store)
    page = " ".join(page_of(store, tmp_path).split())
    assert f"{STREAM}: 1 alert<" in page
    assert "camera 3: 4.1 % of images out of distribution" in page
    assert "0.8 % normally" in page  # what the alert says, which is newer than the detector
    assert "<h3>all images</h3>" in page
    assert "camera=&lt;script&gt;" in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert page.count('tabindex="0"') == 2  # opens larger
    assert "How to read the strip of p-values" in page
    assert "not running" in page


def test_a_long_span_is_drawn_by_hours(store: Store, tmp_path: Path) -> None:
    fill(store, minutes=60 * 24 * 7)
    page = page_of(store, tmp_path, since=START)
    assert "in the worst hour" in page
    assert "plot heat" not in page.partition("</style>")[2]
    by_windows = page_of(store, tmp_path)
    assert "in the worst window" in by_windows


def test_only_what_is_asked_for_is_shown(store: Store, tmp_path: Path) -> None:
    fill(store)
    late = page_of(store, tmp_path, since=START + timedelta(minutes=100))
    assert "from 2026-03-01 13:40:00 to 2026-03-01 14:01:00 UTC" in late


def test_a_stream_without_images_has_a_page_that_says_so(store: Store, tmp_path: Path) -> None:
    page = page_of(store, tmp_path)
    assert "No image is counted yet." in page
    assert "The agent raised no alert." in page


def test_nothing_is_cut_off_on_a_phone(store: Store, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium here")
    fill(store)
    page = html.escape(page_of(store, tmp_path))
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe width="390" height="900" style="border:0" srcdoc="{page}" onload="'
        "const page = this.contentDocument.documentElement;"
        'document.title = page.scrollWidth - page.clientWidth"></iframe>'
    )
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000")
    done = subprocess.run(
        [chromium, *options, "--dump-dom", outer.as_uri()],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert re.findall(r"<title>(.*?)</title>", done.stdout)[0] == "0"
