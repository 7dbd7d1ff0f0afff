"""A PostgreSQL database, straight or behind a pooler."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine, event

from .errors import StorageError

DRIVER = "postgresql+psycopg"
_CONNECT_SECONDS = 10
_NO_DRIVER_HINT = "in driftgauge's folder: pip install -e '.[agent,postgres]'"


def postgresql_engine(url: URL, *, reads_only: bool = False) -> Engine:
    """Return an engine for the server that *url* names; one that *reads_only* cannot write.

    It prepares no statements on the server: behind PgBouncer in transaction mode the next
    transaction may run on another server connection, which does not know them or has others of
    the same name.

    Raises:
        StorageError: the driver is not installed.
    """
    try:
        engine = create_engine(
            url.set(drivername=DRIVER),
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "driftgauge",
                "prepare_threshold": None,
            },
        )
    except ImportError as error:  # psycopg itself, or the libpq that it stands on
        raise StorageError(
            f"PostgreSQL needs a package that is not installed: {error}", hint=_NO_DRIVER_HINT
        ) from error
    if reads_only:
        # said in each transaction: a pooler gives the next one another server connection
        event.listen(
            engine, "begin", lambda made: made.exec_driver_sql("SET TRANSACTION READ ONLY")
        )
    return engine
