"""The report is one page that needs nothing else and says what the database says."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from driftgauge.agent.demo.inbox import InboxMessage
from driftgauge.agent.demo.outcome import print_outcome
from driftgauge.agent.demo.report import DemoOutcome, write_report, write_summary
from driftgauge.agent.demo.verdict import judge_run
from driftgauge.storage import AlertRecord, Store

from ...stores import upgraded
from ..pages.browser import page_width
from .pretend import STREAM, alert_for, plan, write_run

pytest.importorskip("skimage")
VOID = {"meta", "br", "img", "path", "link", "hr"}


class Balance(HTMLParser):
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


@pytest.fixture
def fresh_store(tmp_path: Path) -> Iterator[Store]:
    database = upgraded(f"sqlite:///{tmp_path}/report.db")
    yield Store(database)
    database.close()


def outcome_of(store: Store, alerts: list[AlertRecord], *, thumbnails: bool = True) -> DemoOutcome:
    run = plan()
    write_run(store, run, alerts, thumbnails=thumbnails)
    return DemoOutcome(
        plan=run, verdict=judge_run(run, store.alerts(STREAM)), stream=STREAM,
        images_per_second=83.21, figures={"model": "lite0 <b>"}, commands=["driftgauge rates"],
        paths={"report": Path("report.html")},
    )  # fmt: skip


def some_alerts() -> list[AlertRecord]:
    """Return alerts that find three faults, and one that is false."""
    run = plan()
    found = [alert_for(run, planned) for planned in run.faults[:3]]
    return [*found, replace(found[0], segment="camera=china", message="china & co moved")]


def test_the_page_needs_no_network_and_is_well_formed(fresh_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, outcome_of(fresh_store, some_alerts()), fresh_store)
    page = path.read_text()
    assert not re.findall(r"https?://|<script|<link|url\(|@import", page)
    assert page.count("data:image/jpeg;base64,") == 5 * 8
    balance = Balance()
    balance.feed(page)
    assert balance.open == []


def test_the_page_tells_what_was_missed_and_what_was_false(
    fresh_store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    write_report(path, outcome_of(fresh_store, some_alerts()), fresh_store)
    page = " ".join(path.read_text().split())
    assert "3 of 5 camera faults found, 1 false alarm<" in page
    assert page.count('class="tag missed">not found') == 2
    assert page.count('class="tag false">false alarm') == 2  # on the chart and in the list
    assert "china &amp; co moved" in page
    assert "lite0 &lt;b&gt;" in page


def test_events_without_a_picture_are_shown_with_the_reason_and_where_they_are(
    fresh_store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    write_report(path, outcome_of(fresh_store, some_alerts(), thumbnails=False), fresh_store)
    page = path.read_text()
    assert page.count(">no picture: only its taps were sent, or [evidence] thumbnails is ") == 5 * 8
    assert page.count("p = 0.0021") == 5 * 4
    assert re.search(r'<figure title="motorcycle-\d+ at camera-frames/0@\d+">', page)
    assert "<img" not in page
    balance = Balance()
    balance.feed(page)
    assert balance.open == []


def test_no_table_is_cut_off_on_a_phone(fresh_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    outcome = outcome_of(fresh_store, some_alerts())
    far = replace(outcome, commands=["driftgauge rates --store sqlite:///" + "folder/" * 40])
    write_report(path, far, fresh_store)
    assert page_width(path, at=390) == 390
    assert "overflow-x" not in path.read_text()


def test_the_page_of_a_run_without_alerts_says_so(fresh_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, outcome_of(fresh_store, []), fresh_store)
    page = " ".join(path.read_text().split())
    assert "0 of 5 camera faults found, no false alarms<" in page
    assert "The agent raised no alert." in page


def test_the_page_quotes_what_the_webhook_received(fresh_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    message = InboxMessage(
        datetime.now(UTC), "firing", "opened", "[critical] china <b>", "It moved."
    )
    outcome = replace(outcome_of(fresh_store, some_alerts()), messages=[message])
    write_report(path, outcome, fresh_store)
    page = " ".join(path.read_text().split())
    assert "messages (1) in the order" in page
    assert "<b>[critical] china &lt;b&gt;</b>" in page
    assert "It moved." in page


def test_the_summary_has_what_scripts_read(fresh_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(path, outcome_of(fresh_store, some_alerts()))
    summary = json.loads(path.read_text())
    assert [fault["found"] for fault in summary["faults"]] == [True, True, True, False, False]
    assert {"camera", "kind", "found", "frames", "seconds"} <= set(summary["faults"][0])
    assert summary["faults"][3]["frames"] is None
    assert summary["false_alarms"] == 1
    assert summary["images_per_second"] == 83.2
    assert summary["paths"] == {"report": "report.html"}


def test_a_speed_that_was_not_measured_is_no_zero(fresh_store: Store, tmp_path: Path) -> None:
    one_flush = replace(outcome_of(fresh_store, []), images_per_second=None)
    write_report(tmp_path / "report.html", one_flush, fresh_store)
    write_summary(tmp_path / "summary.json", one_flush)
    console = Console(file=io.StringIO(), width=120)
    print_outcome(console, one_flush)
    assert json.loads((tmp_path / "summary.json").read_text())["images_per_second"] is None
    page = (tmp_path / "report.html").read_text()
    assert re.search(r'<b>\W</b><span class="soft small">images a second', page)
    assert isinstance(console.file, io.StringIO)
    assert "Speed: not measured" in console.file.getvalue()
