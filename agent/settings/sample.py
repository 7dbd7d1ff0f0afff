"""The commented sample of ``driftgauge.toml``, written from the settings themselves."""

from __future__ import annotations

import json
import textwrap
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .durations import FalseAlarmBudget, duration_in_words
from .load import sections

_HEAD = """\
# Settings of driftgauge. Lengths of time are in seconds unless a unit is written.
# A setting may also be given in the environment, which wins over this file:
#   DRIFTGAUGE_STREAM__TOPIC=images driftgauge run
# A secret may stand in a file of its own, named by password_file in place of password, or by
# DRIFTGAUGE_KAFKA__PASSWORD_FILE; likewise key_password, oauth_client_secret, [events]
# registry_url and [store] url.
# Lines that begin with "# " and a name show a setting that is unset, with an example.
"""
_SHOWN = {"model.factory"}
"""Without a default, and written all the same: one of two that the reader must choose from."""

_COMMENT_WIDTH = 96


def sample_toml() -> str:
    """Return the text of a settings file with every setting, its meaning and its default."""
    parts = [_HEAD]
    for name, kind in sections().items():
        parts.append(f"\n# {one_line(kind.__doc__)}\n[{name}]\n")
        parts.extend(_entry(name, key, field) for key, field in kind.model_fields.items())
    return "".join(parts)


def _entry(section: str, name: str, field: FieldInfo) -> str:
    default = default_of(field)
    unset = default is PydanticUndefined or default in (None, "") or _is_empty(default, field)
    value = field.examples[0] if unset and field.examples else default
    required = default is PydanticUndefined or f"{section}.{name}" in _SHOWN
    comment = textwrap.fill(
        one_line(field.description), _COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# "
    )
    return f"{comment}\n{'' if required or not unset else '# '}{name} = {toml_value(value)}\n"


def _is_empty(default: Any, field: FieldInfo) -> bool:
    """Return whether a list is shown by its example, since nobody guesses what is in it."""
    return default == () and bool(field.examples)


def default_of(field: FieldInfo) -> Any:
    """Return a setting's default, `PydanticUndefined` where it has none."""
    return field.get_default(call_default_factory=True, validated_data={})


def one_line(text: str | None) -> str:
    """Return *text* without its line breaks."""
    return " ".join((text or "").split())


def toml_value(value: Any) -> str:
    """Return a setting's value as TOML writes it."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, timedelta):
        value = duration_in_words(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, dict):
        entries = ", ".join(f"{name} = {toml_value(item)}" for name, item in value.items())
        return f"{{ {entries} }}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:_}" if isinstance(value, int) and value >= 100_000 else f"{value}"  # noqa: PLR2004
    return json.dumps(str(value) if isinstance(value, FalseAlarmBudget) else f"{value}")
