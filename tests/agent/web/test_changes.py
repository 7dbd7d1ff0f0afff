"""What people change from the pages is what the commands change, by who may, from our own forms."""

from __future__ import annotations

import re

import httpx
import pytest

from driftgauge.agent.web.doorkeeper import Doorkeeper
from driftgauge.storage import DetectorRecord, Store

from ...stores import START, STREAM
from .rig import TOKEN, camera_alert, client, fill, served, settings, sign_in

HOME = f"/streams/{STREAM}"
ALERT = f"{HOME}/alerts/1"


def word(asking: httpx.Client, path: str = ALERT) -> str:
    """Return what a form of the page carries."""
    found = re.search(r'name="word" value="([^"]+)"', asking.get(path).text)
    assert found is not None
    return found[1]


def press(asking: httpx.Client, path: str, do: str, **fields: str) -> httpx.Response:
    """Press a button of a page, as a browser does."""
    return asking.post(path, data={"word": word(asking, path), "do": do, "back": path, **fields})


@pytest.mark.parametrize(
    ("do", "state", "verdict"),
    [
        ("acknowledge", "acknowledged", None),
        ("resolve", "resolved", None),
        ("real", "resolved", "real"),
        ("false", "resolved", "false"),
        ("accepted", "resolved", "accepted"),
    ],
)
def test_each_button_takes_an_alert_a_step_with_the_persons_name_and_note(
    store: Store, url: str, do: str, state: str, verdict: str | None
) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        assert sign_in(asking, "ada").status_code == 303
        done = press(asking, ALERT, do, note="on my way")
    assert (done.status_code, done.headers["location"]) == (303, ALERT)
    alert = store.alerts(STREAM)[0]
    assert (alert.state, alert.verdict) == (state, verdict)
    step = store.transitions(1)[-1]
    assert step.by == "ada"
    assert step.note.endswith("on my way")


def test_a_note_a_mute_and_its_end_are_kept(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        sign_in(asking)
        press(asking, ALERT, "note", note="looked at it")
        assert "the note is empty" in press(asking, ALERT, "note", note=" ").text
        press(asking, ALERT, "mute", lasts="2 days", note="cleaning")
        mute = store.mutes(STREAM)[0]
        page = asking.get(HOME).text
        assert "is not a duration" in press(asking, ALERT, "mute", lasts="soon").text
        ended = asking.post(
            f"{HOME}/mutes",
            data={"word": word(asking), "do": "unmute", "segment": "camera=3", "back": HOME},
        )
    assert store.transitions(1)[-1].note == "looked at it"
    assert (mute.segment, mute.by, mute.why) == ("camera=3", "ada", "cleaning")
    assert mute.expires_at is not None
    assert "cleaning" in page
    assert ended.status_code == 303
    assert store.mutes(STREAM) == []


def test_an_incidents_button_means_all_its_live_alerts(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(), camera_alert(segment="camera=4")))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        sign_in(asking)
        assert press(asking, f"{HOME}/incidents/1", "acknowledge").status_code == 303
    assert {alert.state for alert in store.alerts(STREAM)} == {"acknowledged"}


def test_detectors_are_promoted_shadowed_refused_and_rolled_back(store: Store, url: str) -> None:
    fill(store)
    for name in ("detector-2", "detector-3"):
        store.register_detector(
            DetectorRecord(name, STREAM, f"runs/{name}", START, status="candidate", manifest={})
        )
    path = f"{HOME}/detectors"
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        sign_in(asking)
        press(asking, path, "shadow", detector="detector-2")
        shadow = store.versions.shadow_of(STREAM)
        press(asking, path, "promote", detector="detector-2", note="better")
        promoted = store.active_detector(STREAM)
        press(asking, path, "rollback")
        restored = store.active_detector(STREAM)
        refused = press(asking, path, "refuse", detector="detector-3", note="worse")
        conflict = press(asking, path, "promote", detector="detector-3")
    assert shadow is not None
    assert promoted is not None
    assert restored is not None
    assert shadow.detector == promoted.detector == "detector-2"
    assert restored.detector == "detector-1"
    assert refused.status_code == 303
    assert conflict.status_code == 409
    assert store.versions.changes(STREAM, "detector-2")[-2].actor == "ada"


def test_a_run_that_was_put_aside_is_accepted_or_refused(store: Store, url: str) -> None:
    fill(store)
    store.retrainings.put_aside(STREAM, [("camera=3", START, 900, 40), ("camera=4", START, 9, 4)])
    path = f"{HOME}/reference"
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        sign_in(asking)
        assert "40 of 900 images unusual" in asking.get(path).text
        press(asking, path, "accepted", number="1", note="a new product")
        press(asking, path, "refused", number="2")
        assert press(asking, path, "refused", number="99").status_code == 409
    reviews = store.retrainings.reviews(STREAM)
    assert [(one.state, one.decided_by) for one in reviews] == [
        ("accepted", "ada"),
        ("refused", "ada"),
    ]


def test_nothing_changes_where_nobody_may_sign_in(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings()) as address, client(address) as asking:
        page = asking.get(ALERT).text
        answer = asking.post(ALERT, data={"do": "acknowledge", "word": "x"})
        assert sign_in(asking).status_code == 403
    assert "<button" not in page
    assert "Sign in" not in page
    assert "These pages only show." in page
    assert answer.status_code == 403
    assert store.alerts(STREAM)[0].state == "open"


def test_a_wrong_token_signs_nobody_in(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        answer = sign_in(asking, token="another token of that length")
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert "<button" not in asking.get(ALERT).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_of_another_site_changes_nothing(
    store: Store, url: str, headers: dict[str, str]
) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        sign_in(asking)
        data = {"do": "acknowledge", "word": word(asking)}
        assert asking.post(ALERT, data=data, headers=headers).status_code == 403
    assert store.alerts(STREAM)[0].state == "open"


def test_an_old_browser_is_judged_by_the_origin(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, httpx.Client(base_url=address) as asking:
        form = {"name": "ada", "token": TOKEN}
        assert asking.post("/sign-in", data=form).status_code == 403
        assert (
            asking.post("/sign-in", data=form, headers={"Origin": "http://evil"}).status_code == 403
        )
        assert asking.post("/sign-in", data=form, headers={"Origin": address}).status_code == 303


def test_a_form_without_its_word_changes_nothing(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        sign_in(asking)
        for given in ({}, {"word": ""}, {"word": "0" * 64}):
            assert asking.post(ALERT, data={"do": "acknowledge", **given}).status_code == 403
        assert asking.post(ALERT, content=b"x" * 20_000).status_code == 400
    assert store.alerts(STREAM)[0].state == "open"


def test_a_proxys_user_may_change_and_nobody_else_can_claim_to_be_one(
    store: Store, url: str
) -> None:
    fill(store, told=(camera_alert(),))
    by_proxy = settings(user_header="X-Forwarded-User")
    user = {"X-Forwarded-User": "grace@example.com"}
    with served(url, by_proxy) as address, client(address, headers=user) as asking:
        press(asking, ALERT, "acknowledge")
    assert store.transitions(1)[-1].by == "grace@example.com"
    elsewhere = settings(user_header="X-Forwarded-User", trusted_proxies=["10.0.0.0/8"])
    with served(url, elsewhere) as address, client(address, headers=user) as asking:
        assert "<button" not in asking.get(ALERT).text
        assert asking.post(ALERT, data={"do": "resolve", "word": "x"}).status_code == 403
    doorkeeper = Doorkeeper(user_header="X-Forwarded-User", trusted_proxies=["10.0.0.0/8", "::1"])
    headers = {"x-forwarded-user": "grace"}
    assert doorkeeper.person(headers, "", "10.1.2.3") is not None
    assert doorkeeper.person(headers, "", "::1") is not None
    assert doorkeeper.person(headers, "", "11.1.2.3") is None
    assert doorkeeper.person(headers, "", "") is None


def test_where_looking_needs_signing_in_nothing_is_shown_before(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    closed = settings(token=TOKEN, sign_in="everything")
    with served(url, closed) as address, client(address) as asking:
        first = asking.get(f"{HOME}/segment?name=camera%3D3")
        assert first.status_code == 302
        assert first.headers["location"].startswith("/sign-in?back=%2Fstreams")
        as_json = asking.get(HOME, headers={"Accept": "application/json"})
        assert as_json.status_code == 403
        assert "camera" not in as_json.text
        sign_in(asking)
        assert asking.get(HOME).status_code == 200


def test_signing_out_ends_it_and_a_cookie_cannot_be_made_up(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        cookie = sign_in(asking).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        value = asking.cookies["driftgauge"]
        asking.post("/sign-out", data={"word": word(asking)})
        assert "<button" not in asking.get(ALERT).text
        for made_up in (value[:-1] + ("0" if value[-1] != "0" else "1"), "9999999999.616461.", "x"):
            with client(address, cookies={"driftgauge": made_up}) as other:
                assert other.get(ALERT).status_code == 200
                assert "Sign out" not in other.get(ALERT).text


def test_where_a_form_leads_back_to_is_a_page_of_the_stream(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url, settings(token=TOKEN)) as address, client(address) as asking:
        sign_in(asking)
        for back in ("https://evil.example", "//evil.example", "/streams/" + STREAM + ".evil"):
            data = {"word": word(asking), "do": "note", "note": "x", "back": back}
            assert asking.post(ALERT, data=data).headers["location"] == HOME
        data = {"name": "ada", "token": TOKEN, "back": "//evil.example"}
        assert asking.post("/sign-in", data=data).headers["location"] == "/"
