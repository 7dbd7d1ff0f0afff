"""Secrets in files: ``NAME_file`` stands for the secret ``NAME``, as container platforms mount them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ..errors import SettingsError

SUFFIX = "_file"
MAX_BYTES = 64 * 1024


def read_secrets(
    values: Mapping[str, Any],
    secrets: Mapping[str, Collection[str]],
    where: Callable[[str, str], str],
) -> dict[str, Any]:
    """Return *values* with the contents of the files that stand for secrets.

    Args:
        values: section to name to value, of one source.
        secrets: section to the names that are secret.
        where: names a setting the way its source does, for the error message.

    Raises:
        SettingsError: the file cannot be read, or the secret is there already.
    """
    found = dict(values)
    for section, names in secrets.items():
        given = values.get(section)
        if isinstance(given, Mapping):
            found[section] = _section(section, given, names, where)
    return found


def _section(
    section: str,
    given: Mapping[str, Any],
    names: Collection[str],
    where: Callable[[str, str], str],
) -> dict[str, Any]:
    found = dict(given)
    for name in names:
        if name + SUFFIX not in found:
            continue
        path, at = found.pop(name + SUFFIX), where(section, name + SUFFIX)
        if name in found:
            raise SettingsError(f"{at} and {where(section, name)} are both set; keep one of them")
        found[name] = _read(path, at)
    return found


def _read(path: object, at: str) -> str:
    if not isinstance(path, str) or not path:
        raise SettingsError(f"{at} must be the path of a file")
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"{at}: cannot read {path}: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise SettingsError(f"{at}: {path} has {len(raw)} bytes, wanted at most {MAX_BYTES}")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{at}: {path} is not UTF-8 text") from None
    if not text:
        raise SettingsError(f"{at}: {path} is empty")
    return text
