"""Each page says what the database says, whatever was sent, and that silence is not health."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest

from driftgauge.storage import WHOLE_SEGMENT, Judgement, MonitorState, SegmentStateRow, Store

from ...stores import DETECTOR, START, STREAM, TOPIC, advance, flush, window
from .rig import (
    HOSTILE,
    camera_alert,
    camera_frames,
    client,
    count_classes,
    fill,
    served,
    settings,
)

HOME = f"/streams/{STREAM}"


def text(answer: httpx.Response) -> str:
    """Return a page's text with its spaces as one each."""
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def test_the_overview_says_whether_it_works_and_what_needs_a_person(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(message="camera 3 & its lens"),))
    with served(url) as address, client(address, follow_redirects=True) as asking:
        page = text(asking.get("/"))
    assert "<b>watched</b>" in page
    assert "1 agent alive" in page
    assert "<bdi>edge-7</bdi>" in page
    assert "<b>12</b>" in page
    assert "the oldest 3 s old" in page
    assert "not an image" in page
    assert "1 live incident" in page
    assert "camera 3 &amp; its lens" in page
    assert page.index("camera=3</bdi>") < page.index("camera=4</bdi>")
    assert "normally 0.8 %" in page


def test_a_stream_without_an_agent_is_never_shown_as_healthy(store: Store, url: str) -> None:
    fill(store, alive=False)
    with served(url) as address, client(address) as asking:
        home, segment = asking.get(HOME), asking.get(f"{HOME}/segment?name=camera%3D4")
        alerts = asking.get(f"{HOME}/alerts")
    assert "Not watched:" in text(home)
    assert "no agent runs: driftgauge run" in text(home)
    assert "That says nothing about the images" in text(home)
    assert "Everything that was judged looks like" not in home.text
    assert "Not watched:" in text(segment)
    assert "this says nothing about its images" in text(alerts)


def test_segments_are_filtered_by_text_and_state(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url) as address, client(address) as asking:
        by_text = text(asking.get(HOME, params={"q": "CAMERA=4"}))
        by_state = text(asking.get(HOME, params={"state": "alert"}))
        none = text(asking.get(HOME, params={"q": "nothing"}))
    assert "camera=4</bdi>" in by_text
    assert "camera=3</bdi>" not in by_text
    assert "1 of 3 segments" in by_text
    assert "camera=3</bdi>" in by_state
    assert "camera=4</bdi>" not in by_state
    assert "No segment is like that." in none


def test_a_segment_has_its_rates_beside_its_normal_and_how_it_is_tested(
    store: Store, url: str
) -> None:
    fill(store, told=(camera_alert(),), frames=tuple(camera_frames()))
    with served(url, settings()) as address, client(address) as asking:
        page = text(asking.get(f"{HOME}/segment", params={"name": "camera=3"}))
        asked = asking.get(
            f"{HOME}/segment",
            params={"name": "camera=3"},
            headers={"Accept": "application/json"},
        ).json()
        closer = asking.get(
            f"{HOME}/segment",
            params={"name": "camera=3", "zoom": "hour", "until": f"{START:%Y-%m-%dT%H:%M}"},
            headers={"Accept": "application/json"},
        ).json()
    assert "normally 0.8 %" in page
    assert page.count("<img ") == 4
    assert "blocks.1" in page
    assert asked["zoom"] == "minute"
    assert len(asked["line"]["points"]) == 30
    assert asked["line"]["points"][-1]["ood_rate"] == pytest.approx(30 / 102, abs=0.001)
    assert asked["worth"]["phase"] == "alert"
    assert sum(share["now"] for share in asked["p_values"]) == pytest.approx(1)
    assert [point["events"] for point in closer["line"]["points"]] == [15 * 73 + 15 * 102]


def test_a_segment_shows_its_predicted_classes_beside_its_normal_mix(
    store: Store, url: str
) -> None:
    fill(store)
    asked = {"name": "camera=3"}
    with served(url, settings()) as address, client(address) as asking:
        without = text(asking.get(f"{HOME}/segment", params=asked))
    count_classes(store)
    with served(url, settings()) as address, client(address) as asking:
        page = text(asking.get(f"{HOME}/segment", params=asked))
        answer = asking.get(f"{HOME}/segment", params=asked, headers={"Accept": "application/json"})
        found = answer.json()["classes"]
        other = text(asking.get(f"{HOME}/segment", params={"name": "camera=4"}))
    assert "Predicted classes" not in without
    assert "Predicted classes" in page
    assert [row["class_name"] for row in found] == ["dog", "cat"]
    assert [row["share"] for row in found] == pytest.approx([0.75, 0.25])
    assert [row["normal"] for row in found] == pytest.approx([0.1, 0.9])
    assert "the reference does not cover it" not in page
    assert "not known: the reference does not cover it" in other


def test_an_alert_has_its_frames_steps_layers_and_facts(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(message="camera 3 changed"),), frames=tuple(camera_frames()))
    number = store.alerts(STREAM)[0].id or 0
    store.transition_alert(number, "acknowledged", at=START, by="ada", note="on <my> way")
    with served(url) as address, client(address) as asking:
        page = text(asking.get(f"{HOME}/alerts/{number}"))
        incident = text(asking.get(f"{HOME}/incidents/1"))
    assert "camera 3 changed" in page
    assert page.count("<img ") == 4
    assert "<b>acknowledged</b> by <bdi>ada</bdi>" in page
    assert "on &lt;my&gt; way" in page
    assert "blocks.1" in page
    assert "60 %" in page
    assert "camera 3 changed" in incident


def test_names_and_messages_from_outside_are_shown_as_text(store: Store, url: str) -> None:
    name = f"camera={HOSTILE}"
    fill(
        store,
        segments=(name, "camera=\u202egnp.\x1b[2J", "camera=../..//a?b#c"),
        told=(camera_alert(segment=name, message=HOSTILE, looks_like=HOSTILE),),
        frames=tuple(camera_frames(segment=name)),
    )
    store.note_on_alert(1, at=START, by=HOSTILE, note=HOSTILE)
    with served(url) as address, client(address) as asking:
        pages = [
            asking.get(HOME),
            asking.get(f"{HOME}/segment", params={"name": name}),
            asking.get(f"{HOME}/segment", params={"name": "camera=../..//a?b#c"}),
            asking.get(f"{HOME}/alerts"),
            asking.get(f"{HOME}/alerts/1"),
            asking.get(f"{HOME}/incidents/1"),
            asking.get(f"{HOME}/alerts", params={"segment": name, "shown": "all"}),
            asking.get(HOME, params={"q": HOSTILE}),
        ]
        missing = asking.get(f"/streams/{HOSTILE}")
    for page in pages:
        assert "<script>" not in text(page)
        assert "<img src=x" not in page.text
        assert "\u202e" not in page.text
    assert "camera=\\u202egnp.\\x1b[2J" in pages[0].text
    assert missing.status_code == 404
    assert "<script>" not in missing.text


def test_no_picture_is_shown_where_thumbnails_are_off(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),), frames=tuple(camera_frames()))
    off = settings().model_copy(
        update={"evidence": settings().evidence.model_copy(update={"thumbnails": "none"})}
    )
    with served(url, off) as address, client(address) as asking:
        for path in ("alerts/1", "segment?name=camera%3D3"):
            page = text(asking.get(f"{HOME}/{path}"))
            assert "<img" not in page
            assert "no picture: only its taps were sent" in page
            told = asking.get(f"{HOME}/{path}", headers={"Accept": "application/json"})
            assert {shot["source"] for shot in told.json()["unusual"]} == {""}


def test_every_answer_forbids_scripts_but_ours_and_is_not_kept(store: Store, url: str) -> None:
    fill(store)
    with served(url) as address, client(address) as asking:
        for path in (HOME, f"{HOME}/alerts", "/nothing", "/sign-in", "/openapi.json"):
            answer = asking.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["cache-control"] == "no-store"
            assert "style=" not in answer.text
            assert " onclick" not in answer.text


def test_other_names_of_this_machine_get_nothing(store: Store, url: str) -> None:
    fill(store)
    with served(url) as address, client(address) as asking:
        assert asking.get(HOME, headers={"Host": "evil.example"}).status_code == 400
    with (
        served(url, settings(allowed_hosts=["drift.internal"])) as address,
        client(address) as asking,
    ):
        assert asking.get(HOME, headers={"Host": "drift.internal"}).status_code == 200


def test_what_is_not_there_or_unusable_is_said_in_words(store: Store, url: str) -> None:
    fill(store)
    with served(url) as address, client(address) as asking:
        for path, status, words in (
            ("/streams/other", 404, f"it has: {STREAM}"),
            (f"{HOME}/segment?name=camera%3D9", 404, "has counted no image of segment"),
            (f"{HOME}/alerts/9", 404, "has no alert 9"),
            (f"{HOME}/incidents/9", 404, "has no incident 9"),
            (f"{HOME}/segment?name=*&zoom=year", 400, "is none of minute, hour, day"),
            (f"{HOME}/segment?name=*&until=noon", 400, "is no time"),
            (f"{HOME}/alerts?shown=some", 400, "is none of live, all"),
            ("/nothing", 404, "There is no such page."),
        ):
            answer = asking.get(path)
            assert answer.status_code == status, path
            assert words in answer.text
            told = asking.get(path, headers={"Accept": "application/json"})
            assert words in told.json()["error"]


def test_an_empty_database_and_an_empty_stream_say_what_to_do(store: Store, url: str) -> None:
    with served(url) as address, client(address, follow_redirects=True) as asking:
        assert "No stream yet" in asking.get("/").text
        store.ensure_stream(STREAM, TOPIC, 60)
        page = text(asking.get("/"))
        assert "No image is counted yet." in page
        assert "Not watched" in page
        for path in ("alerts", "detectors", "reference"):
            assert asking.get(f"{HOME}/{path}").status_code == 200


def test_serving_pages_needs_no_torch(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),), frames=tuple(camera_frames()))
    code = f"""
import sys
from tests.agent.web.rig import client, served, settings
with served({url!r}, settings()) as address, client(address) as asking:
    for path in ("", "/alerts", "/alerts/1", "/incidents/1", "/segment?name=camera%3D3", "/detectors", "/reference"):
        assert asking.get("/streams/{STREAM}" + path).status_code == 200
print(sorted({{"torch", "timm", "kafka", "torchvision"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_of_several_streams_that_of_the_settings_comes_first(store: Store, url: str) -> None:
    fill(store)
    store.ensure_stream("a-line", "other", 60)
    with served(url, settings()) as address, client(address, follow_redirects=True) as asking:
        page = text(asking.get("/"))
        other = text(asking.get("/streams/a-line"))
    assert f"<summary><bdi>{STREAM}</bdi></summary>" in page
    assert 'href="/streams/a-line"' in page
    assert "No image is counted yet." in other


def test_of_many_alerts_a_page_shows_fifty(store: Store, url: str) -> None:
    fill(store, told=tuple(camera_alert(segment=f"camera={n}") for n in range(60)))
    with served(url) as address, client(address) as asking:
        first = text(asking.get(f"{HOME}/alerts"))
        second = text(asking.get(f"{HOME}/alerts", params={"page": "2"}))
    assert "page 1 of 2, 60 alerts" in first
    assert first.count('<span class="says">') == 50
    assert second.count('<span class="says">') == 10


def test_a_segment_that_learns_says_until_when(store: Store, url: str) -> None:
    fill(store)
    content = {"lesson": {"until": None, "begins": START.isoformat(), "tried": None}}
    state = SegmentStateRow("camera=4", WHOLE_SEGMENT, json.dumps(content).encode())
    store.judge(Judgement(STREAM, None, MonitorState(START, ""), detector=DETECTOR, states=[state]))
    with served(url, settings()) as address, client(address) as asking:
        home, page = text(asking.get(HOME)), text(asking.get(f"{HOME}/segment?name=camera%3D4"))
    assert "learns until 2026-03-02 12:00 UTC" in home
    assert "Learning until 2026-03-02 12:00 UTC" in page
    assert "It raises no alert meanwhile." in page


def test_a_camera_whose_clock_is_ahead_hides_no_other(store: Store, url: str) -> None:
    fill(store)
    ahead = window({17: 9}, minute=30 * 525_600, segment="camera=9")
    store.flush(flush(advance(200, 300), windows=[ahead]))
    with served(url) as address, client(address) as asking:
        told = asking.get(HOME, headers={"Accept": "application/json"}).json()["tiles"]
    lines = {tile["standing"]["segment"]: tile["line"] for tile in told}
    assert len(lines["camera=3"]["points"]) == 30
    assert lines["camera=9"] is None
