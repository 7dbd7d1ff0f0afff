"""The settings file: its values, the line each stands on, and the name that was meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingsError

DEFAULT_FILE = Path("driftgauge.toml")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A settings file as read.

    Attributes:
        values: section to name to value.
        lines: ``section`` and ``section.name`` to the line it stands on.
    """

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def where(self, section: str, name: str) -> str:
        """Return the place of a setting that stands in the file, ``FILE:LINE``."""
        line = self.lines.get(f"{section}.{name}")
        return f"{self.path}:{line}" if line else str(self.path)

    @classmethod
    def read(cls, path: Path | None) -> TomlFile:
        """Read *path*; None is ``driftgauge.toml`` here, or nothing if there is none.

        Raises:
            SettingsError: the file cannot be read or is not TOML.
        """
        if path is None and not DEFAULT_FILE.exists():
            return cls(DEFAULT_FILE, {}, {})
        path = path or DEFAULT_FILE
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path, tomllib.loads(text), _key_lines(text))
        except OSError as error:
            raise SettingsError(
                f"cannot read the settings file {path}: {error.strerror}",
                hint="`driftgauge init` writes one",
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _key_lines(text: str) -> dict[str, int]:
    lines, section = {}, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\[?([\w.-]+)\]", line):
            section = header.group(1)
            lines[section] = number
        elif key := re.match(r"\s*([\w-]+)\s*=", line):
            lines[f"{section}.{key.group(1)}"] = number
    return lines


def unknown_setting(section: str, name: str, known: Mapping[str, Sequence[str]]) -> str:
    """Return in words that a setting does not exist, with the nearest that does.

    >>> unknown_setting("stream", "topik", {"stream": ["name", "topic"]})
    'stream.topik is not a setting; did you mean stream.topic?'
    >>> unknown_setting("kafak", "", {"stream": ["name"], "kafka": ["group_id"]})
    '[kafak] is not a section; did you mean [kafka]?'
    """
    if section not in known:
        found = _nearest(section, list(known))
        return f"[{section}] is not a section" + (f"; did you mean [{found}]?" if found else "")
    asked = f"{section}.{name}"
    elsewhere = next((other for other, names in known.items() if name in names), None)
    found = _nearest(name, known[section])
    if found is None and elsewhere is not None:
        section, found = elsewhere, name
    suggestion = f"; did you mean {section}.{found}?" if found else ""
    return f"{asked} is not a setting{suggestion}"


def _nearest(word: str, known: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)
