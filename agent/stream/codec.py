"""Decompression of record batches, bounded: what kafka-python does without a bound.

A gzip batch of less than a megabyte can hold 700 MB, and kafka-python decompresses it whole. So its
decoders are replaced, once and for the whole process, by ones that stop at a bound. What they refuse
is the fault of the bytes; a codec whose package is not installed is ours.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from kafka import codec
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError
from kafka.record import default_records, legacy_records

from ..errors import SourceBroken

Decompressor = Callable[[bytes, int], Iterator[bytes]]
"""Takes a payload and the bound, and yields pieces until the payload ends or the reader stops."""

PACKAGES = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}
"""Codec to the package that kafka-python needs for it; gzip is Python's own."""

_PIECE_BYTES = 1024 * 1024
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_FORMAT_FAULTS = (ValueError, LookupError, ArithmeticError, AssertionError, struct.error)


class BatchTooLarge(CorruptRecordError):  # type: ignore[misc] # kafka-python has no types
    """The batch decompresses to more than is allowed."""


def bound_decompression(max_bytes: int) -> None:
    """Let no batch of this process unpack to more than *max_bytes*; the last call counts.

    kafka-python has no setting for it, and each of its modules holds the decoders by name.
    """
    for name, decompressor in _DECOMPRESSORS.items():
        decode = _bounded(name, decompressor, max_bytes)
        for module in (codec, default_records, legacy_records):
            if hasattr(module, f"{name}_decode"):
                setattr(module, f"{name}_decode", decode)


def is_of_the_bytes(error: Exception) -> bool:
    """Return whether *error* says that a batch fails its checksum or breaks its own format.

    Nothing else may ever be skipped: not a refusal by the broker, and nothing that is missing here.
    """
    if isinstance(error, CorruptRecordError):
        return True
    return isinstance(error, _FORMAT_FAULTS) and _was_parsing(error)


def codec_missing(error: Exception, where: str) -> SourceBroken | None:
    """Return what to raise when *error* says that a codec's package is missing here, else None.

    Args:
        where: what was read, such as ``topic frames``.
    """
    if not isinstance(error, UnsupportedCodecError | ImportError):
        return None
    name = next((name for name in PACKAGES if name in str(error).lower()), None)
    if name is not None:
        return SourceBroken(
            f"{where}: a batch is compressed with {name}, and the package {PACKAGES[name]} is not "
            "installed",
            hint=f"pip install {PACKAGES[name]}; nothing was skipped, reading resumes there",
        )
    if isinstance(error, ImportError):
        return None
    return SourceBroken(
        f"{where}: a batch cannot be decompressed with what is installed: {error}",
        hint="it may need a newer kafka-python; nothing was skipped, reading resumes there",
    )


def _bounded(name: str, decompressor: Decompressor, max_bytes: int) -> Callable[[Any], bytes]:
    def decode(payload: Any) -> bytes:
        try:
            return _gathered(name, decompressor(bytes(payload), max_bytes), payload, max_bytes)
        except (ImportError, MemoryError, KafkaError):
            raise
        except Exception as error:  # any: each library has errors of its own
            raise CorruptRecordError(f"the {name} data of the batch is damaged: {error}") from error

    return decode


def _gathered(name: str, pieces: Iterator[bytes], payload: Any, max_bytes: int) -> bytes:
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) > max_bytes:
            raise _too_large(name, len(payload), max_bytes)
    return bytes(found)


def _gzip(payload: bytes, max_bytes: int) -> Iterator[bytes]:
    rest = payload
    while rest:  # several members may follow each other
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        while not member.eof:
            piece = member.decompress(rest, _PIECE_BYTES)
            rest = member.unconsumed_tail
            if not piece and not member.eof:
                raise EOFError("it ends too early")
            yield piece
        rest = member.unused_data.lstrip(b"\0")


def _snappy(payload: bytes, max_bytes: int) -> Iterator[bytes]:
    if not payload.startswith(_XERIAL) or len(payload) <= _XERIAL_HEADER_BYTES:
        yield _snappy_block(payload, max_bytes)
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(payload):
        (n_bytes,) = struct.unpack_from(">i", payload, at)
        if not 0 <= n_bytes <= len(payload) - at - 4:
            raise ValueError(f"a block of {n_bytes} bytes at {at} of {len(payload)}")
        yield _snappy_block(payload[at + 4 : at + 4 + n_bytes], max_bytes)
        at += 4 + n_bytes


def _snappy_block(block: bytes, max_bytes: int) -> bytes:
    """Snappy allocates the length that a block declares, so that is looked at before."""
    import snappy

    if _snappy_length(block) > max_bytes:
        raise _too_large("snappy", len(block), max_bytes)
    return bytes(snappy.uncompress(block))


def _snappy_length(block: bytes) -> int:
    """Return the varint at the head of a block."""
    length = 0
    for place, byte in enumerate(block[:5]):
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no continuation bit
            return length
    raise ValueError("no length at the head of a block")


def _lz4(payload: bytes, max_bytes: int) -> Iterator[bytes]:
    import lz4.frame

    rest = payload
    while rest:  # several frames may follow each other
        frame = lz4.frame.LZ4FrameDecompressor()
        while not frame.eof:
            piece = frame.decompress(rest, max_length=_PIECE_BYTES)
            rest = b""
            if not piece and frame.needs_input and not frame.eof:
                raise EOFError("it ends too early")
            yield piece
        rest = frame.unused_data or b""


def _zstd(payload: bytes, max_bytes: int) -> Iterator[bytes]:
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(payload, read_across_frames=True)
    while piece := reader.read(_PIECE_BYTES):
        yield piece


_DECOMPRESSORS: dict[str, Decompressor] = {
    "gzip": _gzip,
    "snappy": _snappy,
    "lz4": _lz4,
    "zstd": _zstd,
}


def _too_large(name: str, n_bytes: int, max_bytes: int) -> BatchTooLarge:
    return BatchTooLarge(
        f"a {name} batch of {n_bytes} bytes decompresses to more than kafka.max_batch_bytes = {max_bytes}"
    )


def _was_parsing(error: BaseException) -> bool:
    """Return whether *error* came out of the client's parser of records."""
    trace = error.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith("kafka.record."):
            return True
        trace = trace.tb_next
    return False
