"""The pages as they are served: a real server in a thread, on a database that a test fills."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from driftgauge.agent.settings.load import Settings
from driftgauge.agent.settings.sections import StreamSection, WebSection
from driftgauge.agent.web.app import build_app
from driftgauge.agent.web.desk import Desk
from driftgauge.agent.web.page_server import address_of, make_server, open_socket
from driftgauge.agent.web.web_opening import allowed_hosts, doorkeeper_of
from driftgauge.storage import (
    CLASSES,
    AlertRecord,
    Database,
    DetectorRecord,
    EvidenceRecord,
    HeartbeatRecord,
    Judgement,
    MonitorState,
    Store,
)

from ...stores import DETECTOR, START, STREAM, TOPIC, advance, alert, evidence, flush, window

TOKEN = "a token that is long enough"
HOSTILE = '</title><script>alert("x")</script><img src=x onerror=alert(1)>'
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6368000000820081775225b60000000049454e44ae426082"
)


def settings(**web: Any) -> Settings:
    """Return settings of STREAM with this section ``web``."""
    return Settings(
        stream=StreamSection(name=STREAM, topic=TOPIC),
        model={"source": "timm:resnet18"},  # type: ignore[arg-type]
        web=WebSection(**web),
    )


@contextmanager
def served(url: str, given: Settings | None = None, **bounds: Any) -> Iterator[str]:
    """Serve the pages of the database at *url*; give their address."""
    web = given.web if given else WebSection()
    with closing(Database(url, reads_only=True)) as reading, closing(Database(url)) as writing:
        desk = Desk(
            store=Store(reading),
            writer=Store(writing),
            settings=given,
            now=lambda: datetime.now(UTC),
        )
        app = build_app(desk, doorkeeper_of(web), allowed_hosts=allowed_hosts(web, "127.0.0.1"))
        server = make_server(app, **bounds)
        with closing(open_socket("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                while not server.started:
                    time.sleep(0.01)
                yield address_of(listening)
            finally:
                server.should_exit = True
                thread.join()


@contextmanager
def client(address: str, **more: Any) -> Iterator[httpx.Client]:
    """Give a client that says where its forms come from, as a browser does."""
    headers = {"Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}
    with httpx.Client(base_url=address, headers=headers, timeout=60, **more) as made:
        yield made


def sign_in(asking: httpx.Client, name: str = "ada", token: str = TOKEN) -> httpx.Response:
    """Sign in; the client keeps the cookie."""
    return asking.post("/sign-in", data={"name": name, "token": token, "back": "/"})


def fill(
    store: Store,
    *,
    segments: tuple[str, ...] = ("*", "camera=3", "camera=4"),
    told: tuple[AlertRecord, ...] = (),
    frames: tuple[EvidenceRecord, ...] = (),
    alive: bool = True,
) -> None:
    """Count an hour of *segments*, the second half of camera 3 unusual, with alerts and frames."""
    store.ensure_stream(STREAM, TOPIC, 60)
    rows = [
        window(
            {0: 30 if name == "camera=3" and minute >= 30 else 1, 5: 2, 17: 70},
            minute=minute,
            segment=name,
            layer=layer,
        )
        for minute in range(0, 60, 2)
        for name in segments
        for layer in ("*", "blocks.1")
    ]
    normal = {"normal_rates": {"*": 0.01, "camera=3": 0.008, "camera=4": 0.02}}
    store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "runs/d1", START, status="active", manifest=normal)
    )
    store.flush(flush(advance(None, 200), windows=rows, evidence=list(frames)))
    if told:
        state = MonitorState(START + timedelta(hours=1), "")
        store.judge(Judgement(STREAM, None, state, list(told)))
    if alive:
        beat = HeartbeatRecord(
            agent="a/1", stream=STREAM, host="edge-7", version="0.1.0", condition="running",
            lag_messages=12, lag_seconds=3.0, dead_letters=2, dead_letter_reason="not an image",
        )  # fmt: skip
        Store(store._database).heartbeat(beat)


def count_classes(
    store: Store, segments: tuple[str, ...] = ("camera=3", "camera=4"), *, dog: str = "dog"
) -> None:
    """Count what the model predicts after `fill`: mostly dogs, where camera 3's reference is of cats."""
    active = store.active_detector(STREAM)
    assert active is not None
    notes = {"class_shares": {"camera=3": {"cat": 0.9, dog: 0.1}}}
    manifest = {**active.manifest, "classes": ["cat", dog], "notes": notes}
    store.register_detector(replace(active, manifest=manifest))
    rows = [
        window({0: 10, 1: 30}, layer=CLASSES, minute=minute, segment=name)
        for minute in (0, 30)
        for name in segments
    ]
    store.flush(flush(advance(200, 201), windows=rows))


def camera_alert(**more: Any) -> AlertRecord:
    """Return an alert on camera 3 for what `fill` counts."""
    since = START + timedelta(minutes=30)
    return replace(
        alert(since=since, window_start=since, refreshed_at=since + timedelta(minutes=20)), **more
    )


def camera_frames(picture: bytes | None = PIXEL, segment: str = "camera=3") -> list[EvidenceRecord]:
    """Return frames of a camera: two unusual ones after the change, two typical ones before it."""
    found = []
    for number, (kind, minute) in enumerate(
        (("unusual", 34), ("unusual", 40), ("typical", 10), ("typical", 20))
    ):
        found.append(
            evidence(
                number, minute=minute, segment=segment, kind=kind, thumbnail=picture,
                p=0.001 if kind == "unusual" else 0.6,
            )
        )  # fmt: skip
    return found
