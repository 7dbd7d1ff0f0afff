"""The reference of all settings, ``docs/settings.md``, written from the settings themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from .durations import FalseAlarmBudget
from .load import PREFIX, sections
from .sample import default_of, one_line, toml_value

_HEAD = """\
# Settings

Every setting of `driftgauge.toml`, by section. `driftgauge init` writes a file with all of them;
`driftgauge config` shows the values in effect and where each came from. A setting may also be given in
the environment, as `DRIFTGAUGE_SECTION__NAME`, which wins over the file. A secret may stand in a file of
its own: `NAME_file` in place of `NAME`, in the environment `DRIFTGAUGE_SECTION__NAME_FILE`.

This page is written by `make settings` from `agent/settings/sections/`; edit it there.
"""
_TYPES: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path",
    SecretStr: "secret text", timedelta: "duration, such as `1 day`",
    FalseAlarmBudget: "`NUMBER per DURATION`",
}  # fmt: skip
_BOUNDS = (
    (Ge, "ge", "at least"),
    (Gt, "gt", "more than"),
    (Le, "le", "at most"),
    (Lt, "lt", "below"),
)


def settings_markdown() -> str:
    """Return the page: a table a section, a row a setting."""
    parts = [_HEAD]
    for section, kind in sections().items():
        parts.append(f"\n## [{section}]\n\n{one_line(kind.__doc__)}\n\n")
        parts.append(
            "| setting | type and bounds | default | variable | meaning |\n|---|---|---|---|---|\n"
        )
        parts.extend(_row(section, name, field) for name, field in kind.model_fields.items())
    return "".join(parts)


def _row(section: str, name: str, field: FieldInfo) -> str:
    variable = f"{PREFIX}{section}__{name}".upper()
    meaning = one_line(field.description).replace("|", "\\|")
    return f"| `{name}` | {_kind(field)} | {_default(field)} | `{variable}` | {meaning} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = default_of(field)
    return "unset" if value is None or value == "" else f"`{toml_value(value)}`"


def _kind(field: FieldInfo) -> str:
    return ", ".join([_type(field.annotation), *_bounds(field.metadata)])


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{toml_value(value)}`" for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list of text" if str in get_args(annotation) else "list of tables"
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type(kind) for kind in get_args(annotation) if kind is not NoneType)
    if get_origin(annotation) is Annotated:
        kind, *constraints = get_args(annotation)
        bounds = (_bounds(one.metadata) for one in constraints if isinstance(one, FieldInfo))
        return ", ".join([_type(kind), *chain.from_iterable(bounds)])
    return _TYPES[annotation]


def _bounds(metadata: list[Any]) -> Iterator[str]:
    for constraint in metadata:
        for kind, name, words in _BOUNDS:
            if isinstance(constraint, kind):
                yield f"{words} {_number(getattr(constraint, name))}"
        if isinstance(constraint, MinLen):
            yield f"at least {constraint.min_length}"
        if pattern := getattr(constraint, "pattern", None):
            yield "matches `" + pattern.replace("|", "\\|") + "`"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
