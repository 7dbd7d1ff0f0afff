"""Malformed and hostile messages, each made from a seed: what a decoder must survive."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable
from typing import Any

from driftgauge.agent.ports import Record
from tests.agent.records import encoded, picture

from ..registry import protobuf_samples
from . import hostile_pictures
from .samples import JSON, PICTURES, PREDICTIONS, REQUEST, Sample, as_json, b64, structured, v2

Random = random.Random
Made = tuple[bytes | None, dict[str, bytes]]

HEADERS = (
    "content-type", "ce_id", "ce_time", "ce_type", "ce_datacontenttype", "ce_dataref", "camera",
    "ce_camera", "ce_requestid", "predicted_class", "model_version", "dlq_attempt",
    "inference-header-content-length", "ce_sampledrate",
)  # fmt: skip
TYPES = (
    b"application/json", b"application/cloudevents+json", b"image/jpeg", b"image/svg+xml", b"",
    b"application/octet-stream", b"avro/binary", b"application/x-protobuf", b"\xff\xfe", b"x" * 300,
    b"APPLICATION/JSON; charset=utf-16", b"application/cloudevents-batch+json", b"text/html",
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, -1e-308, 2**63, 2**64, 10**400, "", "a", "\0", "é" * 200, [], {},
    [[]], [[[[]]]], {"b64": None}, {"b64": []}, {"b64": "!!!"}, "data:image/png;base64,", "=" * 50,
    "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "s3://b/../k", "NaN", ["x"] * 50,
    "http://127.0.0.1:1/line/../../a", "file:///tmp/../etc/shadow", "https://[::1", {"a": {"a": 1}},
    [1, "a", None], [[1], [1, 2]], [0.5] * 7, "A" * 5000, "\ud83d", -0.0,
)  # fmt: skip


def _sample(rng: Random) -> Sample:
    return rng.choice([*_PICTURES, *_PREDICTIONS])


_PICTURES = list(PICTURES.values())
_PREDICTIONS = list(PREDICTIONS.values())


def truncated(rng: Random) -> Made:
    sample = _sample(rng)
    return sample.value[: rng.randrange(len(sample.value))], dict(sample.headers)


def flipped(rng: Random) -> Made:
    sample = _sample(rng)
    value = bytearray(sample.value)
    for _ in range(rng.choice([1, 2, 8, 64])):
        value[rng.randrange(len(value))] = rng.randrange(256)
    return bytes(value), dict(sample.headers)


def spliced(rng: Random) -> Made:
    one, other = _sample(rng), _sample(rng)
    cut, start = rng.randrange(len(one.value)), rng.randrange(len(other.value))
    return one.value[:cut] + other.value[start:], dict(rng.choice([one, other]).headers)


def noise(rng: Random) -> Made:
    begins = (
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"{",
        b"\0\0\0\0\7",
    )
    return rng.choice(begins) + rng.randbytes(rng.choice([0, 1, 5, 100, 5000])), _headers(rng)


def headers(rng: Random) -> Made:
    sample = _sample(rng)
    return sample.value, {**sample.headers, **_headers(rng)}


def _headers(rng: Random) -> dict[str, bytes]:
    values: tuple[Callable[[], bytes], ...] = (
        lambda: rng.choice(TYPES),
        lambda: rng.randbytes(rng.choice([0, 1, 20])),
        lambda: b"x" * rng.choice([0, 129, 513, 100_000]),
        lambda: rng.choice(
            [b"9999-12-31T23:59:59-14:00", b"0001-01-01T00:00:00Z", b"now", b"1e999"]
        ),
        lambda: rng.choice(
            [b"-5", b"0", b"99999999999999999999999", b"7", "٣".encode(), b"+3", b" 3"]
        ),
        lambda: rng.choice(
            [b"http://127.0.0.1:1/line/a", b"file:///etc/passwd", b"s3://a/b", b"//"]
        ),
        "a\u202eb\u2028".encode,
    )
    chosen = rng.sample(HEADERS, rng.randrange(1, 5))
    made = {name: rng.choice(values)() for name in chosen}
    if rng.random() < 0.02:
        made |= {f"h{number}": b"v" for number in range(5000)}
    return made


def deep(rng: Random) -> Made:
    n = rng.choice([50, 900, 1100, 5000, 100_000])
    opening, closing = rng.choice(
        [(b"[", b"]"), (b'{"a":', b"}"), (b'{"image":', b"}"), (b'[{"b64":', b"}]")]
    )
    inner = opening * n + b"1" + closing * rng.choice([0, n])
    around = rng.choice([b"%s", b'{"instances":[%s]}', b'{"image":%s}', b'{"predictions":[%s]}'])
    return around.replace(b"%s", inner), JSON | REQUEST


def crowded(rng: Random) -> Made:
    n = rng.choice([1000, 100_000, 600_000])
    item = rng.choice([b"[]", b"{}", b"1", b'""', b"null", b"0.5", b"[[1]]"])
    key = rng.choice([b"instances", b"predictions", b"inputs", b"outputs", b"image", b"data"])
    return b'{"%s":[' % key + b",".join([item] * n) + b"]}", JSON | REQUEST


def retyped(rng: Random) -> Made:
    """Valid JSON in which some values are others."""
    while True:
        sample = _sample(rng)
        if sample.value[:1] == b"{":
            break
    text, raw = _parts(sample)
    document = json.loads(text)
    for _ in range(rng.choice([1, 1, 2, 5])):
        _replace(rng, document)
    return as_json(document) + raw, dict(sample.headers)


def _parts(sample: Sample) -> tuple[bytes, bytes]:
    length = sample.headers.get("inference-header-content-length")
    end = len(sample.value) if length is None else int(length)
    return sample.value[:end], sample.value[end:]


def _replace(rng: Random, document: Any) -> None:
    """Replace, remove or add one value somewhere."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not keys:
            return
        key = rng.choice(list(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.3:
            break
        place = inner
    if rng.random() < 0.2 and isinstance(place, dict):
        del place[key]
    else:
        place[key] = copy.deepcopy(rng.choice(JUNK))


def wrong_base64(rng: Random) -> Made:
    text = b64()
    at = rng.randrange(len(text))
    damaged = rng.choice([
        text[:at], text[:at] + rng.choice("!*\n é\0%") + text[at:], text + "=" * rng.randrange(1, 6),
        text[::-1], "data:image/jpeg;base64," + text[:at], "data:" + text, text.replace("A", "-"),
        base64.b64encode(rng.randbytes(50)).decode(), base64.b64encode(text.encode()).decode(), "====",
    ])  # fmt: skip
    body = rng.choice([
        as_json({"image": damaged}), as_json({"instances": [{"b64": damaged}]}), as_json({"binData": damaged}),
        structured(data_base64=damaged), v2(datatype="BYTES", shape=[1], data=[damaged]),
    ])  # fmt: skip
    return body, dict(JSON)


def lying_tensor(rng: Random) -> Made:
    sizes: tuple[Any, ...] = (0, 1, 3, -1, 24, 2**31, 2**62, 10**30, 1.5, "3", None, True, [])
    shape = [rng.choice(sizes) for _ in range(rng.choice([0, 1, 3, 4, 5, 2000]))]
    kind = rng.choice(["UINT8", "FP32", "BYTES", "BF16", "", None, 7, "INT64", "BOOL"])
    data = rng.choice(
        [[], [1], [1, 2, 3] * 8, [[1, 2], [3]], ["a"], [None], [1e308], "x", {"a": 1}, [b64()]]
    )
    size = rng.choice([None, 0, -1, 5, 2**40, "5", 1.5])
    tensor: dict[str, Any] = {"shape": shape, "datatype": kind, "data": data}
    if size is not None:
        tensor["parameters"] = {"binary_data_size": size}
    body = rng.choice(
        [v2(**tensor), as_json({"data": {"tensor": {"shape": shape, "values": data}}})]
    )
    raw = rng.randbytes(rng.choice([0, 5, 2304]))
    length = rng.choice([len(body), len(body) + 3, 0, -1, 10**20])
    return body + raw, JSON | REQUEST | {"inference-header-content-length": str(length).encode()}


def bomb(rng: Random) -> Made:
    value = rng.choice(hostile_pictures.bombs())
    if rng.random() < 0.3:
        return as_json({"image": b64(value)}), dict(JSON)
    return value, {}


def strip(rng: Random) -> Made:
    return rng.choice(hostile_pictures.strips()), {}


def lying_chunks(rng: Random) -> Made:
    return hostile_pictures.lying_chunks(rng), {}


def wrapped(rng: Random) -> Made:
    """Pictures in archives, pictures with archives behind them, pictures that are two things."""
    value = rng.choice(hostile_pictures.wrapped())
    return value, _headers(rng) if rng.random() < 0.3 else {}


def addresses(rng: Random) -> Made:
    beginnings = ("http://127.0.0.1:1/line/", "file:///nowhere/", "s3://bucket/", "https://[::1]/")
    tails = (
        "a.jpg",
        "../a",
        "%2e%2e/a",
        "a%00",
        "\r\nX: y",
        "a" * 3000,
        "?q=%2f",
        "#x",
        "..;/a",
        "//a",
    )
    text = rng.choice(beginnings) + rng.choice(tails)
    text = rng.choice([text, text.upper(), text.replace("127.0.0.1", "user@127.0.0.1"), " " + text])
    body = rng.choice(
        [as_json({"dataref": text}), structured(dataref=text), as_json({"instances": [text]})]
    )
    return body, dict(JSON)


def framed(rng: Random) -> Made:
    """Records of the schema that the fuzz's registry has as number 7, damaged."""
    return _damaged(rng, b"\0\0\0\0\7" + AVRO_RECORD)


def framed_protobuf(rng: Random) -> Made:
    """Messages of the schema that the fuzz's registry has as number 8, damaged."""
    return _damaged(rng, protobuf_samples.framed(protobuf_samples.frame(), 1, number=8))


def _damaged(rng: Random, whole: bytes) -> Made:
    value = bytearray(whole[: rng.choice([len(whole), rng.randrange(5, len(whole))])])
    for _ in range(rng.choice([0, 1, 5, 20])):
        value[rng.randrange(5, len(value)) if len(value) > 5 else 0] = rng.choice(
            [0, 255, 254, 127, 1]
        )
    if rng.random() < 0.2:
        value[1:5] = rng.randbytes(4)
    return bytes(value), {}


AVRO_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Frame",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "labels", "type": {"type": "array", "items": "string"}},
        {"name": "notes", "type": {"type": "map", "values": "long"}},
        {"name": "line", "type": ["null", "int"]},
        {"name": "image", "type": "bytes"},
    ],
}


def _zigzag(number: int) -> bytes:
    left = number << 1
    found = bytearray()
    while left > 127:
        found.append(left & 127 | 128)
        left >>= 7
    return bytes([*found, left])


def _avro_text(text: bytes) -> bytes:
    return _zigzag(len(text)) + text


AVRO_RECORD = b"".join([
    _avro_text(b"f-1"), _zigzag(2), _avro_text(b"a"), _avro_text(b"b"), b"\0", _zigzag(1), _avro_text(b"k"),
    _zigzag(5), b"\0", _zigzag(1), _zigzag(4), _avro_text(encoded(picture())),
])  # fmt: skip


def heavy(rng: Random) -> Made:
    """Whole pictures at the bound, and tensors at the bound: right, but dear."""
    return rng.choice(hostile_pictures.heavy()), {}


def times(rng: Random) -> Made:
    return _sample(rng).value, {
        "ce_time": rng.choice([b"", b"1970-01-01T00:00:00Z", b"2026-13-01T00:00:00Z"])
    }


KINDS: dict[str, tuple[int, Callable[[Random], Made]]] = {
    "truncated": (12, truncated), "flipped bits": (16, flipped), "spliced": (8, spliced),
    "noise": (6, noise), "hostile headers": (12, headers), "deep JSON": (2, deep),
    "crowded JSON": (1, crowded), "retyped JSON": (18, retyped), "wrong base64": (6, wrong_base64),
    "lying tensors": (8, lying_tensor), "bombs": (3, bomb), "strips": (2, strip), "lying chunks": (6, lying_chunks),
    "archives and polyglots": (4, wrapped), "hostile addresses": (4, addresses),
    "damaged Avro": (6, framed), "damaged Protobuf": (6, framed_protobuf),
    "heavy but right": (1, heavy), "times": (2, times),
}  # fmt: skip
"""Name to weight and maker."""


def hostile(seed: int) -> tuple[str, Record]:
    """Return what the message is and the message; the same for the same seed."""
    rng = Random(seed)
    (kind,) = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    value, made = KINDS[kind][1](rng)
    stamp = (
        rng.choice([0, -1, 1_770_000_000_000, 2**62, -(2**62)])
        if kind == "times"
        else 1_770_000_000_000
    )
    record = Record(
        topic="frames", partition=0, offset=seed, key=rng.choice([None, b"", b"k"]),
        value=rng.choice([value] * 200 + [None]), headers=tuple(made.items()), timestamp_ms=stamp,
    )  # fmt: skip
    return kind, record
