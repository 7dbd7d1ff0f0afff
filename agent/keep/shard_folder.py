"""Where files of taps are: a folder, or an object store by its URL, through fsspec."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...extras import install_command
from ..errors import KeptTapsDamaged, KeptTapsMissing, KeptTapsUnavailable, MissingPackage

SUFFIX = ".safetensors"
_LOCAL = ("file", "local")


class ShardFolder:
    """Reads and writes whole files below one place.

    Args:
        root: a folder, or a URL that fsspec knows, such as ``s3://bucket/taps``.

    Raises:
        MissingPackage: the package for this kind of URL is not installed.
    """

    def __init__(self, root: str) -> None:
        self._files, self._root = _opened(root)
        self._is_local = any(kind in _LOCAL for kind in _protocols(self._files))

    def write(self, path: str, content: bytes) -> None:
        """Write a file as one: it is there whole, or not at all, whatever happens meanwhile.

        Raises:
            KeptTapsUnavailable: it cannot be written.
        """
        try:
            if self._is_local:
                _write_local(Path(self._at(path)), content)
            else:
                self._files.pipe_file(self._at(path), content)
        except Exception as error:  # any: the clients of stores have dozens of kinds
            raise KeptTapsUnavailable(f"cannot write {self._at(path)}: {error!r:.300}") from error

    def read(self, path: str, *, sha256: str) -> bytes:
        """Return a file's bytes.

        Raises:
            KeptTapsMissing: it is not there.
            KeptTapsDamaged: its bytes have another hash.
            KeptTapsUnavailable: the store does not answer.
        """
        try:
            content: bytes = self._files.cat_file(self._at(path))
        except FileNotFoundError as error:
            raise KeptTapsMissing(f"{self._at(path)} is not there") from error
        except Exception as error:  # as above
            raise KeptTapsUnavailable(f"cannot read {self._at(path)}: {error!r:.300}") from error
        if (found := hashlib.sha256(content).hexdigest()) != sha256:
            raise KeptTapsDamaged(f"{self._at(path)} has the hash {found}, wanted {sha256}")
        return content

    def delete(self, path: str) -> None:
        """Delete a file, if it is there.

        Raises:
            KeptTapsUnavailable: the store does not answer.
        """
        try:
            self._files.rm_file(self._at(path))
        except FileNotFoundError:
            return
        except Exception as error:  # as above
            raise KeptTapsUnavailable(f"cannot delete {self._at(path)}: {error!r:.300}") from error

    def paths(self, stream: str, *, before: datetime) -> Iterator[str]:
        """Give each file of *stream* that was last written before then, drafts included.

        Raises:
            KeptTapsUnavailable: the store does not answer.
        """
        top = self._at(stream_folder(stream))
        try:
            found = self._files.find(top)
            for name in found:
                if name.startswith(f"{top}/") and self._files.modified(name) < before:
                    yield str(name)[len(self._root) :].lstrip("/")
        except FileNotFoundError:
            return
        except Exception as error:  # as above
            raise KeptTapsUnavailable(f"cannot list {top}: {error!r:.300}") from error

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


def stream_folder(stream: str) -> str:
    """Return the folder of a stream's files; any name makes one."""
    return f"stream={quote(stream, safe='')}"


def shard_path(stream: str, run_start: datetime, sha256: str) -> str:
    """Return where a file of this content goes."""
    at = f"{run_start:%Y-%m-%d}/{run_start:%H%M%S}"
    return f"{stream_folder(stream)}/{at}-{sha256[:16]}{SUFFIX}"


def _opened(root: str) -> tuple[Any, str]:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(root)
    except ImportError as error:
        raise MissingPackage(
            f"keep.path = {root!r} needs a package that is not installed: {error}",
            hint=install_command("s3") if root.startswith("s3:") else "pip install it",
        ) from error
    except ValueError as error:
        raise KeptTapsUnavailable(
            f"keep.path = {root!r} is no folder and no URL that fsspec knows: {error}"
        ) from error
    return files, str(path).rstrip("/")


def _protocols(files: Any) -> tuple[str, ...]:
    named = files.protocol
    return (named,) if isinstance(named, str) else tuple(named)


def _write_local(path: Path, content: bytes) -> None:
    """Write, sync and rename, and sync the folder: after a power cut the row has its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
