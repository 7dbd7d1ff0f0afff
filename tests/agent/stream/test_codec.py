"""Batches are decompressed as kafka-python does it, but for a bound on what comes out."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from collections.abc import Callable

import pytest
from kafka import codec  # noqa: TID251 - the client's own encoders
from kafka.errors import CorruptRecordError, UnsupportedCodecError  # noqa: TID251
from kafka.record.default_records import (  # noqa: TID251
    DefaultRecordBatch,
    DefaultRecordBatchBuilder,
)

from driftgauge.agent.stream.codec import (
    BatchTooLarge,
    bound_decompression,
    codec_missing,
    is_of_the_bytes,
)

MIB = 1024 * 1024
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
WORDS = b"".join(b"frame %d of many; " % number for number in range(200_000))


def batch(name: str, value: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(2, CODECS[name], False, -1, -1, -1, 16 * MIB)
    builder.append(0, 0, None, value, [])
    return bytes(builder.build())


def values(raw: bytes) -> list[bytes]:
    return [record.value for record in DefaultRecordBatch(raw)]


@pytest.fixture(autouse=True)
def _bound() -> None:
    bound_decompression(8 * MIB)


@pytest.mark.parametrize("name", CODECS)
def test_a_compressed_batch_is_read_whole(name: str) -> None:
    assert values(batch(name, WORDS)) == [WORDS]


@pytest.mark.parametrize("name", CODECS)
def test_a_batch_that_unpacks_to_more_than_the_bound_is_refused(name: str) -> None:
    with pytest.raises(
        BatchTooLarge, match=rf"a {name} batch of \d+ bytes decompresses to more than"
    ):
        values(batch(name, bytes(9 * MIB)))


@pytest.mark.parametrize("name", CODECS)
def test_damaged_data_is_the_fault_of_the_bytes(name: str) -> None:
    raw = batch(name, WORDS)
    with pytest.raises(CorruptRecordError) as raised:
        values(raw[: len(raw) // 2])
    assert is_of_the_bytes(raised.value)


def test_several_gzip_members_are_one_payload() -> None:
    assert codec.gzip_decode(gzip.compress(b"one, ") + gzip.compress(b"two")) == b"one, two"


def test_snappy_without_blocks_is_read_and_its_declared_length_bounded() -> None:
    assert codec.snappy_decode(codec.snappy_encode(WORDS, xerial_compatible=False)) == WORDS
    declares_4_gib = b"\xff\xff\xff\xff\x0f" + b"x"
    with pytest.raises(BatchTooLarge):
        codec.snappy_decode(declares_4_gib)


@pytest.mark.parametrize("name", ["snappy", "lz4", "zstd"])
def test_a_codec_that_is_not_installed_is_not_the_fault_of_the_bytes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = batch(name, WORDS)
    monkeypatch.setattr(codec, f"has_{name}", lambda: False)
    with pytest.raises(UnsupportedCodecError) as raised:
        values(raw)
    assert not is_of_the_bytes(raised.value)
    package = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}[name]
    stop = codec_missing(raised.value, "topic frames")
    assert f"compressed with {name}, and the package {package} is not installed" in str(stop)


def test_only_what_the_parser_of_records_raises_is_of_the_bytes() -> None:
    with pytest.raises(struct.error) as theirs:
        DefaultRecordBatch(b"short")
    with pytest.raises(struct.error) as ours:
        struct.unpack(">q", b"short")
    assert is_of_the_bytes(theirs.value)
    assert not is_of_the_bytes(ours.value)


BOMB = """
import resource, sys
from driftgauge.agent.stream.codec import BatchTooLarge, bound_decompression
from kafka import codec
bound_decompression(64 * 1024 * 1024)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    getattr(codec, sys.argv[1] + "_decode")(sys.stdin.buffer.read())
except BatchTooLarge:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("name", CODECS)
def test_what_would_unpack_to_700_mib_takes_little_more_than_the_bound(name: str) -> None:
    bomb = BOMBS[name]()
    told = subprocess.run(
        [sys.executable, "-c", BOMB, name], input=bomb, capture_output=True, check=False
    )
    assert told.returncode == 0, told.stderr.decode()
    assert int(told.stdout) < 250


def zeros_by_zstd() -> bytes:
    import zstandard

    writer = zstandard.ZstdCompressor().compressobj()
    return b"".join([*(writer.compress(bytes(MIB)) for _ in range(700)), writer.flush()])


def zeros_by_gzip() -> bytes:
    import zlib

    writer = zlib.compressobj(wbits=31)
    return b"".join([*(writer.compress(bytes(MIB)) for _ in range(700)), writer.flush()])


def zeros_by_lz4() -> bytes:
    import lz4.frame

    writer = lz4.frame.LZ4FrameCompressor()
    head = writer.begin()
    return b"".join([head, *(writer.compress(bytes(MIB)) for _ in range(700)), writer.flush()])


def zeros_by_snappy() -> bytes:
    blocks: bytes = codec.snappy_encode(bytes(MIB))
    return blocks + blocks[16:] * 699


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": zeros_by_gzip,
    "snappy": zeros_by_snappy,
    "lz4": zeros_by_lz4,
    "zstd": zeros_by_zstd,
}
