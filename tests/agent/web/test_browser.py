"""The pages in a real browser: nothing is cut off, everybody can use them, and they stay current.

The pictures of each page at two widths, light and dark, are kept in build/pages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from driftgauge.storage import Database, DetectorRecord, GateCheck, Store

from ...axe import axe_source, violations
from ...chromium import Browser, chromium
from ...stores import START, STREAM, upgraded
from .rig import (
    HOSTILE,
    TOKEN,
    camera_alert,
    camera_frames,
    client,
    count_classes,
    fill,
    served,
    settings,
    sign_in,
)

PICTURES = Path(__file__).parents[3] / "build" / "pages"
HOME = f"/streams/{STREAM}"
LONG = "camera=" + "line-3-station-7-" * 12
PAGES = {
    "overview": HOME,
    "segment": f"{HOME}/segment?name=camera%3D3",
    "alerts": f"{HOME}/alerts?shown=all",
    "alert": f"{HOME}/alerts/1",
    "incident": f"{HOME}/incidents/1",
    "detectors": f"{HOME}/detectors",
    "reference": f"{HOME}/reference",
    "sign-in": "/sign-in",
    "missing": "/streams/nothing",
}
WIDTHS = (390, 1280)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    """Give a database with everything that pages can show, names as long as they get."""
    url = f"sqlite:///{tmp_path_factory.mktemp('data')}/driftgauge.db"
    database = upgraded(url)
    store = Store(database)
    told = (
        camera_alert(looks_like=HOSTILE, severity="critical", log_e_value=20.0),
        camera_alert(segment=LONG, message="x" * 300),
        camera_alert(segment="camera=4", test="silence", layers=[], severity="info"),
    )
    frames = [*camera_frames(), *camera_frames(segment=LONG, picture=None)]
    frames = [replace(one, offset=number) for number, one in enumerate(frames)]
    names = ("*", "camera=3", "camera=4", LONG, *(f"camera={n}" for n in range(10, 30)))
    fill(store, segments=names, told=told, frames=tuple(frames))
    count_classes(store, dog=f"{HOSTILE} of the north " * 4)
    store.note_on_alert(1, at=START, by="ada", note="the cleaner was here " * 6)
    store.mute(STREAM, "camera=4", lasts=None, by="grace", why="maintenance")
    _retrained(store)
    store.retrainings.put_aside(STREAM, [("camera=3", START, 900, 40)])
    yield store, url
    database.close()


def _retrained(store: Store) -> None:
    for name, status in (("detector-2", "shadow"), ("detector-3", "refused")):
        store.register_detector(
            DetectorRecord(name, STREAM, f"runs/{name}", START, status="candidate", manifest={})
        )
        if status == "shadow":
            store.versions.shadow(STREAM, name, by="ada")
        else:
            store.versions.refuse(STREAM, name, by="ada", note="worse in fog")
    attempt = store.retrainings.begin(
        STREAM, trigger="person", by="ada", basis="detector-1", plan={}
    )
    checks = [
        GateCheck("false alarms", "passed", "0 in 30 days, at most 1 allowed"),
        GateCheck("faults", "refused", "finds 3 of 9, wanted 8", segment="camera=3"),
    ]
    store.retrainings.finish(
        attempt.id, "refused", reason="it finds fewer faults", candidate="detector-3", checks=checks
    )


@pytest.fixture(scope="module")
def address(filled: tuple[Store, str]) -> Iterator[str]:
    """Give the pages' address, where one can sign in."""
    with served(filled[1], settings(token=TOKEN)) as found:
        yield found


@pytest.fixture
def signed_in(browser: Browser, address: str) -> Iterator[Browser]:
    """Give the browser with somebody signed in."""
    browser.open(f"{address}/sign-in", width=1280)
    browser.run(
        "document.querySelector('[name=name]').value = arguments[0];"
        "document.querySelector('[name=token]').value = arguments[1];"
        "document.querySelector('.problem form').requestSubmit();",
        *("ada", TOKEN),
    )
    wait_until(lambda: "/sign-in" not in browser.address)
    yield browser
    browser.run("document.querySelector('.bar form').requestSubmit();")
    wait_until(lambda: browser.run("return !document.querySelector('.bar form')"))


def wait_until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Return when something holds; fail after so long."""
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.1)


def look(browser: Browser, address: str, name: str, *, suffix: str = "") -> list[str]:
    """Look at a page at each width, light and dark; return what is wrong with it."""
    source, wrong = axe_source(), []
    for width in WIDTHS:
        for dark in (False, True):
            browser.open(address + PAGES[name], width=width, dark=dark)
            at = f"{name}{suffix}-{width}-{'dark' if dark else 'light'}"
            browser.picture(PICTURES / f"{at}.png")
            takes = browser.run("return document.documentElement.scrollWidth")
            if takes > width:
                wrong.append(f"{at}: is {takes} pixels wide")
            wrong += [f"{at}: {one}" for one in violations(browser, source)]
            wrong += [f"{at}: {one}" for one in browser.messages if "404 (Not Found)" not in one]
    return wrong


@pytest.mark.parametrize("name", PAGES)
def test_each_page_fits_its_window_and_everybody_can_use_it(
    browser: Browser, address: str, name: str
) -> None:
    assert look(browser, address, name) == []


@pytest.mark.parametrize("name", ["segment", "alert", "incident", "detectors", "reference"])
def test_each_page_with_its_buttons_does_too(signed_in: Browser, address: str, name: str) -> None:
    assert look(signed_in, address, name, suffix="-signed-in") == []


def test_a_wide_screen_is_used(browser: Browser, address: str) -> None:
    browser.open(address + HOME, width=2560)
    browser.picture(PICTURES / "overview-2560-light.png")
    columns = browser.run(
        "return getComputedStyle(document.querySelector('.grid')).gridTemplateColumns.split(' ').length"
    )
    assert columns >= 6


def test_a_button_does_what_it_says(signed_in: Browser, address: str) -> None:
    signed_in.open(f"{address}{HOME}/alerts/2", width=1280)
    signed_in.run(
        "document.querySelector('[name=note]').value = 'seen';"
        "document.querySelector('button[value=acknowledge]').click();"
    )
    wait_until(
        lambda: "acknowledged" in signed_in.run("return document.querySelector('h1').innerText")
    )
    assert "seen" in signed_in.run("return document.querySelector('#steps').innerText")
    assert signed_in.run("return !document.querySelector('button[value=acknowledge]')")


def test_a_frame_opens_larger_by_keyboard_alone(browser: Browser, address: str) -> None:
    browser.open(address + PAGES["alert"], width=1280)
    size = "return document.querySelector('.shot img').getBoundingClientRect().width"
    small = browser.run(size)
    browser.run("document.querySelector('.shot .open').focus(); document.activeElement.click();")
    assert browser.run(size) > 2 * small


def test_a_page_shows_what_is_new_and_says_when_nobody_answers(
    browser: Browser, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/driftgauge.db"
    with ExitStack() as stack:
        database = Database(url)
        stack.callback(database.close)
        database.upgrade()
        store = Store(database)
        fill(store, told=(camera_alert(),))
        with served(url) as address:
            browser.open(f"{address}{HOME}/alerts/1", width=1280)
            store.transition_alert(1, "acknowledged", at=START, by="ada", note="on my way")
            steps = "return document.querySelector('#steps').innerText"
            assert "on my way" not in browser.run(steps)
            browser.run("return renew();")
            wait_until(lambda: "on my way" in browser.run(steps))
            assert browser.run("return document.querySelector('#offline').hidden")
        browser.run("return renew();")
        wait_until(lambda: not browser.run("return document.querySelector('#offline').hidden"))
        assert "No answer from driftgauge since" in browser.run(
            "return document.querySelector('#offline').innerText"
        )
    assert browser.messages  # the failed requests, which are not for the next test


def test_the_filter_answers_while_one_types(browser: Browser, address: str) -> None:
    browser.open(address + HOME, width=1280)
    count = "return document.querySelectorAll('.tile').length"
    assert browser.run(count) > 20
    browser.run(
        "const field = document.querySelector('[name=q]'); field.focus(); field.value = 'camera=1';"
        "field.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    wait_until(lambda: browser.run(count) == 10)
    assert browser.address.endswith("?q=camera%3D1")


def test_somebody_who_may_not_change_sees_no_button(browser: Browser, address: str) -> None:
    with client(address) as asking:
        assert '<button name="do"' not in asking.get(PAGES["alert"]).text
        sign_in(asking)
        assert '<button name="do"' in asking.get(PAGES["alert"]).text
