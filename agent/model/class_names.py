"""The names of a model's classes, from a file with one a line."""

from __future__ import annotations

from pathlib import Path

from ..errors import EventSchemaError, SettingsError
from ..untrusted.text import MAX_SEGMENT_CHARACTERS, plain_text


def read_class_names(path: Path | None) -> tuple[str, ...]:
    """Return the names in the order of the model's output, none without a file.

    Raises:
        SettingsError: the file cannot be read, or a line is no name.
    """
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        names = [line.strip() for line in lines]
        for number, name in enumerate(names, 1):
            plain_text(name, f"line {number}", max_characters=MAX_SEGMENT_CHARACTERS)
    except (OSError, UnicodeDecodeError, EventSchemaError) as error:
        raise SettingsError(f"model.class_names = {str(path)!r}: {error}") from error
    if not all(names):
        raise SettingsError(f"model.class_names = {str(path)!r}: a line is empty")
    return tuple(names)
