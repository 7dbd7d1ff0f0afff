"""A score table as a file: CSV for spreadsheets, Parquet for pandas and DuckDB."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..pages.parquet import write_parquet

if TYPE_CHECKING:
    from driftgauge.storage import ColumnKind

    from .score_table import ScoreTable

SUFFIXES = (".csv", ".parquet")
_KINDS: dict[str, ColumnKind] = {
    "image": "text",
    "looks_like": "text",
    "error": "text",
    "predicted": "count",
}


def write_scores(table: ScoreTable, path: Path) -> None:
    """Write every row of *table*; the file has its name only when it is whole.

    Raises:
        SettingsError: the suffix is neither ``.csv`` nor ``.parquet``, a package is missing, or the
            file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise SettingsError(
            f"cannot write scores to {path}: its name must end in {' or '.join(SUFFIXES)}"
        )
    columns = table.to_dict()
    rows = list(zip(*columns.values(), strict=True))
    if path.suffix == ".parquet":
        kinds = {name: _KINDS.get(name, "real") for name in columns}
        write_parquet(path, kinds, [rows], on_rows=lambda _: None)
        return
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            csv.writer(file).writerows([list(columns), *rows])
        unfinished.replace(path)
    except OSError as error:
        raise SettingsError(
            f"the scores cannot be written to {path}: {error.strerror or error}",
            hint="choose another file with --to, or free space",
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
