"""Writes a page from its template: one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ..counting.evidence import NO_PICTURE
from .heat import N_ROWS

_OWNER_ONLY = 0o600


def write_page(path: Path, package: str, template: str, context: Mapping[str, Any]) -> None:
    """Write *template*, which lies in the package *package* and may stand on this room's.

    The page holds pictures, so only its owner may read it.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loaders = [PackageLoader(name, "") for name in dict.fromkeys((package, __package__))]
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=ChoiceLoader(loaders),
    )
    environment.filters["percent"] = short_percent
    environment.filters["moment"] = moment_text
    environment.globals.update(
        n_rows=N_ROWS, no_picture=NO_PICTURE, version=metadata.version("driftgauge")
    )
    page = environment.get_template(template).render(context)
    path.touch(mode=_OWNER_ONLY)
    path.chmod(_OWNER_ONLY)
    path.write_text(page, encoding="utf-8")


def short_percent(share: float) -> str:
    """Return a rate as people read it.

    >>> short_percent(0.0), short_percent(0.0083), short_percent(0.412)
    ('0 %', '0.8 %', '41 %')
    """
    value = 100 * share
    return f"{value:.0f} %" if value in (0, 100) or value >= 10 else f"{value:.1f} %"  # noqa: PLR2004


def moment_text(moment: datetime) -> str:
    """Return a UTC time with its date, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"
