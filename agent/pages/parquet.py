"""A view of the history as a Parquet file, for pandas, DuckDB and Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgauge.storage import ColumnKind

from ...extras import install_command
from ..errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

_UNFINISHED = ".part"


def write_parquet(
    path: Path,
    columns: Mapping[str, ColumnKind],
    batches: Iterable[Sequence[Sequence[Any]]],
    *,
    on_rows: Callable[[int], None],
) -> int:
    """Write *batches* to *path*, one row group each; return how many rows there were.

    The file has its name only when it is whole: an export that was stopped leaves nothing.

    Args:
        path: overwritten if it exists.
        columns: name to kind; a time is microseconds in UTC.
        batches: rows in the order of *columns*.
        on_rows: is told the rows of each batch that was written.

    Raises:
        SettingsError: pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SettingsError(
            f"an export needs a package that is not installed: {error}",
            hint=install_command("export"),
        ) from error
    schema, unfinished = _schema(columns), path.with_name(path.name + _UNFINISHED)
    n_rows = 0
    try:
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for rows in batches:
                writer.write_batch(_batch(schema, rows))
                n_rows += len(rows)
                on_rows(len(rows))
        unfinished.replace(path)
    except OSError as error:
        raise SettingsError(
            f"the export cannot be written to {path}: {error.strerror or error}",
            hint="choose another file with --to, or free space",
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return n_rows


def _schema(columns: Mapping[str, ColumnKind]) -> pa.Schema:
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "time": pa.timestamp("us", tz="UTC"),
        "count": pa.int64(),
        "real": pa.float64(),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])


def _batch(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    import pyarrow as pa

    values = zip(*rows, strict=True)
    arrays = [pa.array(found, field.type) for field, found in zip(schema, values, strict=True)]
    return pa.record_batch(arrays, schema=schema)
