"""Pictures in an object store: s3fs against a small server that speaks enough of S3."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from driftgauge.agent.errors import EventFetchError, MissingPackage
from driftgauge.agent.fetch import object_store
from driftgauge.agent.fetch.fetcher import Fetcher, FetchSettings, parse_allowed
from driftgauge.extras import install_command
from tests.agent.records import jpeg

from .site import Answer, Site, answer, serving

PICTURE = jpeg()
ALLOWED = parse_allowed(["s3://frames/line-3/"])


def error(status: int, code: str) -> Answer:
    return answer(status, f"<Error><Code>{code}</Code></Error>".encode())


def ranged(content: bytes) -> Answer:
    def write(handler: BaseHTTPRequestHandler) -> None:
        first, last = handler.headers["Range"].removeprefix("bytes=").split("-")
        part = content[int(first) : int(last) + 1]
        answer(206, part, Content_Range=f"bytes 0-{len(part) - 1}/{len(content)}")(handler)

    return write


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    pytest.importorskip("s3fs")
    with serving() as site:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{site.port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        object_store._store.cache_clear()
        yield site
        object_store._store.cache_clear()


def fetch(text: str, tries: int = 1) -> bytes:
    limits = FetchSettings(allowed=ALLOWED, max_bytes=10_000, timeout_seconds=30, tries=tries)
    return Fetcher(limits, wait=lambda _: None)(text)


def test_an_object_below_an_allowed_address_is_read(site: Site) -> None:
    site.answers["/frames/line-3/a%20b.jpg"] = ranged(PICTURE)
    assert fetch("s3://frames/line-3/a%20b.jpg") == PICTURE


def test_another_bucket_or_folder_is_refused_unasked(site: Site) -> None:
    for text in ("s3://other/line-3/a.jpg", "s3://frames/line-30/a.jpg", "s3://frames/line-3/../a"):
        with pytest.raises(EventFetchError, match=r"is not allowed|is refused"):
            fetch(text)
    assert site.asked == []


def test_an_object_that_is_not_there_not_for_us_or_too_large_is_refused(site: Site) -> None:
    site.answers["/frames/line-3/none"] = error(404, "NoSuchKey")
    site.answers["/frames/line-3/secret"] = error(403, "AccessDenied")
    site.answers["/frames/line-3/large"] = ranged(bytes(20_000))
    for name, words in (
        ("none", "cannot be read"),
        ("secret", "cannot be read"),
        ("large", "too large"),
    ):
        with pytest.raises(EventFetchError, match=words):
            fetch(f"s3://frames/line-3/{name}")


def test_a_store_that_is_away_is_tried_again(site: Site) -> None:
    site.answers["/frames/line-3/a"] = error(503, "SlowDown")
    with pytest.raises(EventFetchError, match="is unreachable after 2 attempts"):
        fetch("s3://frames/line-3/a", tries=2)
    assert len(site.asked) >= 2


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    object_store._store.cache_clear()
    with pytest.raises(MissingPackage, match="s3fs is not installed") as caught:
        fetch("s3://frames/line-3/a.jpg")
    assert caught.value.hint == install_command("s3")
