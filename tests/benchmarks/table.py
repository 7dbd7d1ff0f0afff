"""A benchmark's table on the screen and its figures in build/benchmarks/NAME.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path("build/benchmarks")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; *holds* is None where there is no goal."""

    name: str
    value: float
    unit: str
    goal: str = ""
    holds: bool | None = None


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def write_benchmark(
    name: str,
    rows: Sequence[Mapping[str, object]],
    figures: Sequence[Figure],
    *,
    hidden: Sequence[str] = (),
) -> Path:
    """Print *rows* and *figures*, and write both; columns that are *hidden* are only written."""
    columns = [column for column in rows[0] if column not in hidden] if rows else []
    widths = {c: max(len(c), *(len(str(row[c])) for row in rows)) for c in columns}
    print(" | ".join(c.ljust(widths[c]) for c in columns))
    print("-|-".join("-" * widths[c] for c in columns))
    for row in rows:
        print(" | ".join(str(row[c]).ljust(widths[c]) for c in columns))
    print()
    for figure in figures:
        verdict = {None: "", True: "holds", False: "MISSED"}[figure.holds]
        goal = f"(goal: {figure.goal})" if figure.goal else ""
        print(f"{figure.name}: {figure.value:g} {figure.unit} {goal} {verdict}".rstrip())
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    content = {"machine": machine(), "figures": [asdict(f) for f in figures], "rows": list(rows)}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    return path
