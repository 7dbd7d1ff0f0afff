"""Pictures that lie elsewhere, on a real server at loopback that misbehaves as it is told."""

from __future__ import annotations

import gzip
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from driftgauge.agent.errors import EventFetchError, EventUnsupported, SettingsError
from driftgauge.agent.events.decode import DecodePorts, DecodeSettings
from driftgauge.agent.fetch.fetcher import Fetcher, FetchSettings, parse_allowed
from tests.agent.records import NOON, decode_event, jpeg, pixels, record

from ..events.samples import JSON, as_json, structured
from .site import Site, answer, serving

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
PICTURE = jpeg()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.answers["/line/a.jpg"] = answer(200, PICTURE)
        yield site


def below(site: Site) -> str:
    return f"http://127.0.0.1:{site.port}/line"


def fetcher(*allowed: str, **settings: object) -> Fetcher:
    limits = FetchSettings(
        allowed=parse_allowed(allowed), networks=LOOPBACK, timeout_seconds=30, max_bytes=100_000
    )
    return Fetcher(replace(limits, **settings), wait=lambda _: None)  # type: ignore[arg-type] # forwarded


def test_a_picture_on_an_allowed_site_is_decoded(site: Site) -> None:
    ports = DecodePorts(fetch=fetcher(below(site)))
    for value, headers in (
        (as_json({"dataref": f"{below(site)}/a.jpg"}), JSON),
        (as_json({"image": f"{below(site)}/a.jpg"}), JSON),
        (as_json({"instances": [f"{below(site)}/a.jpg"]}), JSON),
        (structured(dataref=f"{below(site)}/a.jpg"), {}),
        (b"", {"ce_dataref": f"{below(site)}/a.jpg".encode()}),
    ):
        event = decode_event(
            record(value, headers=headers), DecodeSettings(), ports, arrived_at=NOON
        )
        assert pixels(event).shape == (24, 32, 3)
    assert len(site.asked) == 5


def test_nothing_is_fetched_until_it_is_allowed(site: Site) -> None:
    message = record(as_json({"dataref": f"{below(site)}/a.jpg"}), headers=JSON)
    with pytest.raises(EventUnsupported, match=r"events\.fetch_allow"):
        decode_event(message, DecodeSettings(), arrived_at=NOON)
    with pytest.raises(EventFetchError, match="is not allowed"):
        fetcher("https://elsewhere.example/")(f"{below(site)}/a.jpg")
    assert site.asked == []


def test_a_private_address_is_refused_unless_its_network_is_allowed(site: Site) -> None:
    for networks in ((), (ipaddress.ip_network("10.0.0.0/8"),)):
        with pytest.raises(
            EventFetchError, match=r"leads to 127\.0\.0\.1, which is not on the public"
        ):
            fetcher(below(site), networks=networks)(f"{below(site)}/a.jpg")
    assert site.asked == []


def test_a_name_that_leads_to_a_private_address_is_refused(site: Site) -> None:
    named = below(site).replace("127.0.0.1", "localhost")
    with pytest.raises(EventFetchError, match=r"not on the public internet"):
        fetcher(named, networks=())(f"{named}/a.jpg")
    assert site.asked == []


def test_the_connection_goes_to_the_address_that_was_checked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address between the check and the connection changes nothing."""
    looked_up: list[str] = []
    port = site.port

    def rebinding(host: str, *_: object, **__: object) -> list[object]:
        looked_up.append(host)
        place = "127.0.0.1" if looked_up.count("cameras.example") == 1 else "169.254.169.254"
        place = place if host == "cameras.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://cameras.example:{port}/line"
    assert fetcher(url)(f"{url}/a.jpg") == PICTURE
    assert looked_up.count("cameras.example") == 1
    assert site.asked == [f"cameras.example:{port}/line/a.jpg"]


def test_a_redirect_stays_on_its_place_and_below_the_allowed_address(site: Site) -> None:
    fetch = fetcher(below(site))
    site.answers["/line/moved"] = answer(302, Location="/line/a.jpg")
    assert fetch(f"{below(site)}/moved") == PICTURE
    for target, words in (
        ("/secret", "is not allowed"),
        ("http://evil.example/line/a.jpg", "is not allowed"),
        ("file:///etc/passwd", "is not allowed"),
        ("/line/loop", "redirects more than 3 times"),
        ("/line/../secret", "is refused|is not allowed"),
        ("", "redirects more than 3 times"),
    ):
        site.answers["/line/loop"] = answer(302, Location=target)
        with pytest.raises(EventFetchError, match=words):
            fetch(f"{below(site)}/loop")
    assert not any("secret" in asked for asked in site.asked)


def test_a_redirect_to_another_allowed_place_is_refused_all_the_same(site: Site) -> None:
    other = below(site).replace("127.0.0.1", "127.0.0.2")
    site.answers["/line/moved"] = answer(302, Location=f"{other}/a.jpg")
    with pytest.raises(EventFetchError, match="redirects to another place"):
        fetcher(below(site), other)(f"{below(site)}/moved")


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (500, 3), (429, 3), (404, 1), (403, 1)])
def test_what_may_pass_is_tried_again_and_what_stays_is_not(
    site: Site, status: int, tries: int
) -> None:
    site.answers["/line/bad"] = answer(status)
    with pytest.raises(EventFetchError, match=f"returned status {status}"):
        fetcher(below(site))(f"{below(site)}/bad")
    assert len(site.asked) == tries


def test_a_site_that_recovers_within_the_tries_is_read(site: Site) -> None:
    left = iter([answer(503), answer(503), answer(200, PICTURE)])

    def flaky(handler: BaseHTTPRequestHandler) -> None:
        next(left)(handler)

    site.answers["/line/flaky"] = flaky
    assert fetcher(below(site))(f"{below(site)}/flaky") == PICTURE


def test_a_site_that_was_away_is_tried_once_an_event_until_it_has_rested(site: Site) -> None:
    now = [0.0]
    limits = fetcher(below(site)).settings
    fetch = Fetcher(limits, wait=lambda _: None, clock=lambda: now[0])
    site.answers["/line/bad"] = answer(503)
    counts = []
    for moment in (0.0, 1.0, 9.0, 40.0):
        now[0] = moment
        before = len(site.asked)
        with pytest.raises(EventFetchError, match="is unreachable"):
            fetch(f"{below(site)}/bad")
        counts.append(len(site.asked) - before)
    assert counts == [3, 1, 1, 3]
    now[0] = 41.0
    assert fetch(f"{below(site)}/a.jpg") == PICTURE


def test_nobody_listening_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(EventFetchError, match="unreachable after 3 attempts"):
        fetcher(f"http://127.0.0.1:{port}/")(f"http://127.0.0.1:{port}/a.jpg")


def drip(handler: BaseHTTPRequestHandler, site: Site, *, in_headers: bool) -> None:
    """Send a byte now and then, each within any time-out between two bytes."""
    if not in_headers:
        handler.send_response(200)
        handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        if site.released.wait(0.05):
            return


@pytest.mark.parametrize("in_headers", [True, False])
def test_a_site_that_drips_is_given_up_in_time(site: Site, in_headers: bool) -> None:
    site.answers["/line/slow"] = lambda handler: drip(handler, site, in_headers=in_headers)
    start = time.monotonic()
    with pytest.raises(EventFetchError, match=r"no complete response in 0\.3 s"):
        fetcher(below(site), timeout_seconds=0.3, tries=2)(f"{below(site)}/slow")
    assert time.monotonic() - start < 2


def resolving(monkeypatch: pytest.MonkeyPatch, *places: str) -> None:
    """Let the name ``cameras.example`` stand for *places*."""

    def resolve(host: str, port: int, *_: object, **__: object) -> list[object]:
        found = places if host == "cameras.example" else (host,)
        kinds = [socket.AF_INET6 if ":" in place else socket.AF_INET for place in found]
        return [
            (kind, socket.SOCK_STREAM, 6, "", (place, port))
            for kind, place in zip(kinds, found, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_the_time_of_a_fetch_includes_the_look_up_of_the_name(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> list[object]:
        site.released.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    url = f"http://cameras.example:{site.port}/line"
    start = time.monotonic()
    with pytest.raises(EventFetchError, match=r"after 2 attempts: no complete response in 0\.2 s"):
        fetcher(url, timeout_seconds=0.2, tries=2)(f"{url}/a.jpg")
    assert time.monotonic() - start < 2


def test_every_address_of_a_name_is_tried(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.1")  # nobody listens at the first two
    url = f"http://cameras.example:{site.port}/line"
    assert fetcher(url, tries=1)(f"{url}/a.jpg") == PICTURE


def test_one_address_of_a_name_that_is_not_allowed_refuses_the_name(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, "127.0.0.1", "169.254.169.254")
    url = f"http://cameras.example:{site.port}/line"
    with pytest.raises(EventFetchError, match=r"leads to 169\.254\.169\.254"):
        fetcher(url)(f"{url}/a.jpg")
    assert site.asked == []


def test_redirects_share_the_time_of_one_try(site: Site) -> None:
    def late(handler: BaseHTTPRequestHandler) -> None:
        site.released.wait(0.3)
        answer(302, Location="/line/again")(handler)

    site.answers["/line/again"] = late
    with pytest.raises(EventFetchError, match="no complete response"):
        fetcher(below(site), timeout_seconds=0.5, tries=1)(f"{below(site)}/again")


def test_an_address_is_asked_for_as_it_is_written(site: Site) -> None:
    """A signature may hang on each character."""
    target = "/line/a%2Bb'c.jpg?X-Signature=%2f%2F+a[]&b={1}|"
    site.answers[target] = answer(200, PICTURE)
    assert fetcher(below(site))(f"{below(site)}{target.removeprefix('/line')}") == PICTURE


def test_a_sites_cookies_are_not_kept(site: Site) -> None:
    site.answers["/line/a.jpg"] = answer(200, PICTURE, Set_Cookie="who=me")
    fetch = fetcher(below(site))
    seen: list[str | None] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Cookie"])
        answer(200, PICTURE)(handler)

    site.answers["/line/b.jpg"] = note
    assert fetch(f"{below(site)}/a.jpg") == fetch(f"{below(site)}/b.jpg") == PICTURE
    assert seen == [None]


def test_a_file_of_authorities_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"events\.fetch_ca_file: cannot use .*nothing\.pem"):
        fetcher("https://images.example/", ca_file=str(tmp_path / "nothing.pem"))


def test_a_body_over_the_bound_is_refused_whether_declared_or_not(site: Site) -> None:
    large = bytes(300_000)
    site.answers["/line/declared"] = answer(200, b"", Content_Length="99999999999")
    site.answers["/line/large"] = answer(200, large)

    def silent(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(large)

    site.answers["/line/silent"] = silent
    for path in ("declared", "large", "silent"):
        with pytest.raises(EventFetchError, match="is too large"):
            fetcher(below(site))(f"{below(site)}/{path}")


def test_a_compressed_body_an_empty_one_and_a_cut_one_are_refused(site: Site) -> None:
    site.answers["/line/zip"] = answer(200, gzip.compress(bytes(10_000)), Content_Encoding="gzip")
    site.answers["/line/empty"] = answer(200)
    site.answers["/line/cut"] = answer(200, b"x", Content_Length="500")
    for path, words in (
        ("zip", "compressed"),
        ("empty", "is empty"),
        ("cut", "received 1 bytes, expected 500"),
    ):
        with pytest.raises(EventFetchError, match=words):
            fetcher(below(site))(f"{below(site)}/{path}")


def test_a_certificate_is_checked_against_the_name_in_the_address(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    networks = (*LOOPBACK, ipaddress.ip_network("::1/128"))
    with serving(context) as site:
        site.answers["/a.jpg"] = answer(200, PICTURE)
        url = f"https://localhost:{site.port}/"
        trusting = fetcher(url, networks=networks, ca_file=str(tmp_path / "ca.pem"))
        assert trusting(f"{url}a.jpg") == PICTURE
        other = url.replace("localhost", "127.0.0.1")
        for unlike in (fetcher(other, ca_file=str(tmp_path / "ca.pem")), fetcher(other)):
            with pytest.raises(EventFetchError, match="certificate is not trusted"):
                unlike(f"{other}a.jpg")


def test_a_file_is_read_only_inside_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "a b.jpg").write_bytes(PICTURE)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "frames-2").mkdir()
    (tmp_path / "frames-2" / "a.jpg").write_bytes(PICTURE)
    (folder / "link.jpg").symlink_to(tmp_path / "secret")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "large").write_bytes(bytes(100_001))
    (folder / "empty").touch()
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    fetch = fetcher(f"file://{folder}")
    assert fetch(f"file://{folder}/a%20b.jpg") == PICTURE
    for name, words in (
        ("../secret", "is refused|is not allowed"),
        ("link.jpg", "leads out of the folders"),
        ("circle", "cannot be read"),
        ("large", "too large"),
        ("empty", "is empty"),
        ("sub", "not a regular file"),
        ("pipe", "not a regular file"),
        ("nothing", "cannot be read"),
    ):
        with pytest.raises(EventFetchError, match=words):
            fetch(f"file://{folder}/{name}")
    with pytest.raises(EventFetchError, match="is not allowed"):
        fetch(f"file://{tmp_path}/frames-2/a.jpg")
