"""Rendering a page: text from outside is shown as text, whatever it holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..log import escaped
from .heat import N_ROWS
from .shots import NO_PICTURE

if TYPE_CHECKING:
    from jinja2 import Environment


def write_page(path: Path, package: str, template: str, values: Mapping[str, Any]) -> None:
    """Write the page from *template* in *package*, filled with *values*.

    It may extend and import the templates of this room. The page holds pictures, so only its owner
    may read it; an older one is replaced by a whole page only.
    """
    page = page_environment(package).get_template(template).render(values)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(page.encode())
    unfinished.replace(path)


def page_environment(package: str, folder: str = ".") -> Environment:
    """Return what fills in the templates of *package* and of this room."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    places = dict.fromkeys(((package, folder), (__package__, ".")))
    environment = Environment(
        autoescape=True,
        finalize=_shown,
        loader=ChoiceLoader([PackageLoader(name, where) for name, where in places]),
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"percent": short_percent, "clock": _clock, "date": _date}
    environment.globals |= {
        "n_rows": N_ROWS,
        "no_picture": NO_PICTURE,
        "version": metadata.version("driftgauge"),
    }
    return environment


def short_percent(share: float) -> str:
    """Return a rate as people read it.

    >>> short_percent(0.0), short_percent(0.0083), short_percent(0.412)
    ('0 %', '0.8 %', '41 %')
    """
    value = 100 * share
    return f"{value:.0f} %" if value in (0, 100) or value >= 10 else f"{value:.1f} %"  # noqa: PLR2004


def _shown(value: object) -> object:
    """Write out control characters and the like, which HTML's own escaping lets through."""
    return escaped(value) if type(value) is str else value


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
