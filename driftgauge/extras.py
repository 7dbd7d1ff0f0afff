"""How to install what is missing, as it works from where this driftgauge was installed."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit


def install_command(*extras: str) -> str:
    """Return the command that adds *extras* to this installation, in a clone from the clone.

    Pip notes where a package came from (PEP 610); without such a note it came from an index.
    """
    wanted = f"[{','.join(extras)}]" if extras else ""
    try:
        note = json.loads(distribution("driftgauge").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        note = {}
    url = urlsplit(note.get("url", ""))
    if url.scheme != "file":
        return f"pip install 'driftgauge{wanted}'"
    clone = Path(unquote(url.path))
    place = "." if clone == Path.cwd() else str(clone)
    editable = "-e " if note.get("dir_info", {}).get("editable") else ""
    return f"pip install {editable}'{place}{wanted}'"
