"""The names of a model's classes, from a file with one a line."""

from __future__ import annotations

from pathlib import Path

from ..errors import EventSchemaError, SettingsError
from ..untrusted.text import label_text


def read_class_names(path: Path | None) -> tuple[str, ...]:
    """Return the names in the order of the model's output, none without a file.

    Raises:
        SettingsError: the file cannot be read, or a line is no name.
    """
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        names = [
            label_text(line.strip(), f"line {number}") or "" for number, line in enumerate(lines, 1)
        ]
    except (OSError, UnicodeDecodeError, EventSchemaError) as error:
        raise SettingsError(f"model.class_names = {str(path)!r}: {error}") from error
    if not all(names):
        raise SettingsError(f"model.class_names = {str(path)!r}: a line is empty")
    return tuple(names)
