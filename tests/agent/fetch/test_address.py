"""Which addresses are read, and which lie below an allowed one."""

from __future__ import annotations

import ipaddress

import pytest

from driftgauge.agent.errors import EventFetchError
from driftgauge.agent.fetch.address import is_private, parse_address

ALLOWED = parse_address("https://images.example.com/line-3/")


@pytest.mark.parametrize(
    "text",
    [
        "https://images.example.com/line-3/a.jpg",
        "HTTPS://Images.Example.COM:443/line-3/a.jpg?signature=%2Fx",
        "https://images.example.com./line-3/b/c%20d.jpg",
    ],
)
def test_what_lies_below_an_allowed_address_is_allowed(text: str) -> None:
    assert parse_address(text).is_below(ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "http://images.example.com/line-3/a.jpg",
        "https://images.example.com:8443/line-3/a.jpg",
        "https://images.example.com/line-30/a.jpg",
        "https://images.example.com/",
        "https://images.example.com.evil.com/line-3/a.jpg",
        "https://evil.com/images.example.com/line-3/a.jpg",
        "s3://images.example.com/line-3/a.jpg",
    ],
)
def test_what_only_looks_like_an_allowed_address_is_not(text: str) -> None:
    assert not parse_address(text).is_below(ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "https://images.example.com@evil.com/line-3/a.jpg",
        "https://user:pw@images.example.com/line-3/a.jpg",
        "https://images.example.com/line-3/../secret.jpg",
        "https://images.example.com/line-3/%2e%2e/secret.jpg",
        "https://images.example.com/line-3/..;/secret.jpg",
        "https://images.example.com/line-3/%252e%252e/secret.jpg",
        "https://images.example.com/line-3/..%2fsecret.jpg",
        "https://images.example.com/line-3/..\\secret.jpg",
        "https://images.example.com//line-3//a.jpg",
        "https://images.example.com/line-3/a.jpg#x",
        "https://images.example.com:99999/line-3/a.jpg",
        "https://images.example.com/line-3/\r\nHost: evil",
        "https:///line-3/a.jpg",
        "https://[::1/line-3/a.jpg",
        "https://ímages.example.com/a.jpg",
        "file://server/share/a.jpg",
        "file:///data/../etc/passwd",
        "ftp://images.example.com/line-3/a.jpg",
        "gopher://images.example.com/",
        "javascript:alert(1)",
        "images/a.jpg",
        "https://images.example.com/" + "a" * 3000,
        "",
    ],
)
def test_an_address_that_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(EventFetchError, match="is refused"):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("64:ff9b::a00:1", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe"),
    ],
)
def test_addresses_off_the_public_internet_are_told_also_inside_others(text: str) -> None:
    assert is_private(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909"])
def test_addresses_on_the_public_internet_are_told(text: str) -> None:
    assert not is_private(ipaddress.ip_address(text))


def test_an_address_is_written_as_it_was_read() -> None:
    for text in ("https://h/a?b=1", "http://h:8080/a", "file:///a/b", "s3://b/k", "http://[::1]/a"):
        assert parse_address(text).url == text


def test_a_message_about_an_address_does_not_tell_its_signature() -> None:
    assert str(parse_address("https://h/a.jpg?X-Amz-Signature=s3cr3t")) == "https://h/a.jpg?..."
