"""What a user's own code raised, or is, in one line with its file and line."""

from __future__ import annotations

import inspect
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

MAX_CHARACTERS = 300
_INSTALLED = tuple(
    sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def describe_error(error: BaseException) -> str:
    """Return what *error* says and where in the user's code it arose.

    The place is the innermost line outside of driftgauge, of Python and of installed packages;
    of the whole where there is no such line.

    Example:
        >>> describe_error(ValueError("no such size"))
        "ValueError('no such size')"
    """
    said = f"{error!r:.{MAX_CHARACTERS}}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}({error.msg!r}) at {_short(error.filename)}:{error.lineno}"
    frames = [*_foreign_frames(error)]
    own = [place for place in frames if not place[0].startswith((*_INSTALLED, "<"))]
    for file, line in (own or frames)[-1:]:
        return f"{said} at {_short(file)}:{line}"
    return said


def describe_callable(one: object) -> str:
    """Return the name of a function, or of an object's class, and where it is defined.

    Example:
        >>> describe_callable(len)
        'len'
    """
    code = one if inspect.isroutine(one) or inspect.isclass(one) else type(one)
    name = str(getattr(code, "__qualname__", type(one).__name__))
    try:
        file = inspect.getsourcefile(code) or ""
        _, line = inspect.getsourcelines(code)
    except (OSError, TypeError):  # compiled code, or code that was typed in
        return name
    return f"{name} at {_short(file)}:{max(line, 1)}"


def _foreign_frames(error: BaseException) -> Iterator[tuple[str, int]]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        if not _is_ours(frame):
            yield frame.f_code.co_filename, line


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "driftgauge"


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
