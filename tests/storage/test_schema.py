"""Migrations make the tables of tables.py, once, whoever asks and however many ask."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade, upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, inspect, text

from driftgauge.storage import Database, Judgement, MonitorState, SchemaOutOfDate, Store
from driftgauge.storage.history_tables import sqlite_metadata
from driftgauge.storage.schema import MIGRATIONS, newest_revision
from driftgauge.storage.tables import metadata
from driftgauge.storage.views import drop_views, view_names

from ..stores import DETECTOR, START, STREAM, TOPIC, advance, evidence, flush, window


@pytest.fixture
def fresh(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def schema(database: Database) -> dict[str, list[str]]:
    with database.read() as connection:
        found = inspect(connection)
        names = [*found.get_table_names(), *found.get_view_names()]
        return {name: [column["name"] for column in found.get_columns(name)] for name in names}


def test_migrated_tables_equal_the_tables_in_code(fresh: Database) -> None:
    fresh.upgrade()
    with fresh.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": is_in_code}
        )
        assert compare_metadata(context, metadata) == []
    assert set(schema(fresh)) == {*metadata.tables, *view_names(), "alembic_version"} | own_tables(
        fresh
    )


def own_tables(database: Database) -> set[str]:
    """Return the tables that only this kind of database has."""
    return set(sqlite_metadata.tables) if database.is_sqlite else {"window_counts_other"}


OWN_INDEXES = {f"ix_{level}_counts_window_start" for level in ("window", "hour", "day")}
"""PostgreSQL's."""


def is_in_code(item: object, name: str | None, kind: str, *_: object) -> bool:
    own = {*sqlite_metadata.tables, "window_counts_other", *OWN_INDEXES}
    return not (kind in ("table", "index") and name in own)


def test_constraints_by_name_equal_those_in_code(fresh: Database) -> None:
    fresh.upgrade()
    with fresh.read() as connection:
        found = inspect(connection)
        for table in metadata.tables.values():
            checks = {check["name"] for check in found.get_check_constraints(table.name)}
            indexes = {index["name"] for index in found.get_indexes(table.name)} - OWN_INDEXES
            indexes -= {key["name"] for key in found.get_unique_constraints(table.name)}
            named = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
            assert checks == named
            assert indexes == {index.name for index in table.indexes}


def test_upgrading_twice_changes_nothing(fresh: Database) -> None:
    assert fresh.upgrade()
    Store(fresh).ensure_stream(STREAM, TOPIC, 60)
    before = schema(fresh)
    assert not fresh.upgrade()
    fresh.check_schema()
    assert schema(fresh) == before
    assert [row.stream for row in Store(fresh).streams()] == [STREAM]


def test_many_agents_may_upgrade_at_once(empty_url: str) -> None:
    failures: list[BaseException] = []
    gate = threading.Barrier(3)

    def agent() -> None:
        database = Database(empty_url)
        try:
            gate.wait()
            database.upgrade()
            database.check_schema()
        except BaseException as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=agent) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_database_without_tables_says_how_to_make_them(fresh: Database) -> None:
    with pytest.raises(SchemaOutOfDate, match="has no driftgauge tables") as caught:
        fresh.check_schema()
    assert caught.value.hint == "driftgauge db upgrade"
    with pytest.raises(SchemaOutOfDate, match="lacks tables that this version needs") as caught:
        Store(fresh).streams()
    assert caught.value.hint == "driftgauge db upgrade"


@pytest.mark.parametrize("act", [Database.check_schema, Database.upgrade])
def test_a_newer_database_asks_for_a_newer_driftgauge(fresh: Database, act: object) -> None:
    fresh.upgrade()
    with fresh.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = schema(fresh)
    assert callable(act)
    with pytest.raises(SchemaOutOfDate, match="at version 9999, which is unknown") as caught:
        act(fresh)
    assert "newer" in caught.value.hint
    assert schema(fresh) == before


def take_back(database: Database, *, to: str) -> None:
    with database.write() as connection:
        drop_views(connection)
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        downgrade(config, to)


def test_the_first_migration_can_be_taken_back(fresh: Database) -> None:
    fresh.upgrade()
    take_back(fresh, to="base")
    assert set(schema(fresh)) == {"alembic_version"}
    fresh.upgrade()
    fresh.check_schema()


def test_one_version_may_be_taken_back_with_two_pictures_of_a_message_kept(
    fresh: Database,
) -> None:
    fresh.upgrade()
    store = Store(fresh)
    store.ensure_stream(STREAM, TOPIC, 60)
    kept = [evidence(0, item=item) for item in range(2)]
    store.flush(flush(advance(None, 1), evidence=kept))
    take_back(fresh, to="0003")
    fresh.upgrade()
    assert store.evidence(STREAM) == kept[:1]


def views(database: Database) -> dict[str, str]:
    """Return the definition of each view as the database has it."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
        if database.is_sqlite
        else "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'"
    )
    with database.read() as connection:
        return {row[0]: row[1] for row in connection.exec_driver_sql(query)}


def run(database: Database, *statements: str) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


OTHER_VIEWS = {
    "an earlier text": (
        "DROP VIEW ood_rate_hourly",
        "CREATE VIEW ood_rate_hourly AS SELECT 1 AS ood_rate",
        "UPDATE view_definition SET digest = 'earlier' WHERE view = 'ood_rate_hourly'",
    ),
    "one that is missing": ("DROP VIEW ood_rate_hourly",),
    "one that this version has no more": (
        "CREATE VIEW ood_rate_weekly AS SELECT 1 AS ood_rate",
        "INSERT INTO view_definition (view, digest) VALUES ('ood_rate_weekly', 'any')",
    ),
}


@pytest.mark.parametrize("statements", OTHER_VIEWS.values(), ids=OTHER_VIEWS)
def test_a_changed_view_reaches_a_database_whose_tables_are_current(
    fresh: Database, statements: tuple[str, ...]
) -> None:
    fresh.upgrade()
    as_made = views(fresh)
    run(fresh, *statements)
    with pytest.raises(
        SchemaOutOfDate, match="views differ from this version of driftgauge: ood_rate"
    ) as told:
        fresh.check_schema()
    assert told.value.hint == "driftgauge db upgrade"
    assert fresh.upgrade()
    assert views(fresh) == as_made
    fresh.check_schema()
    assert not fresh.upgrade()


@pytest.mark.parametrize("revision", ["0001", "0004"])
def test_an_upgraded_database_has_the_views_of_a_fresh_one(fresh: Database, revision: str) -> None:
    fresh.upgrade()
    as_made = views(fresh)
    take_back(fresh, to=revision)
    run(fresh, "CREATE VIEW ood_rate_hourly AS SELECT stream, segment FROM score_window")
    fresh.upgrade()
    assert views(fresh) == as_made


def test_a_person_s_own_views_outlive_an_upgrade(fresh: Database) -> None:
    fresh.upgrade()
    run(
        fresh,
        "CREATE VIEW mine AS SELECT count(*) AS n FROM stream",
        "UPDATE view_definition SET digest = 'earlier'",
    )
    assert fresh.upgrade()
    assert "mine" in views(fresh)


def make_at(database: Database, revision: str) -> None:
    with database.write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        upgrade(config, revision)


OF_0004 = (
    "INSERT INTO stream (stream, topic, window_seconds, created_at) "
    "VALUES ('line-3', 'images', 60, '2026-03-01 12:00:00+00:00')",
    "INSERT INTO stream_offset (stream, topic, partition, next_offset, flushed_at) "
    "VALUES ('line-3', 'images', 0, 7, '2026-03-01 12:00:00+00:00')",
    "INSERT INTO lease (name, holder, expires_at) "
    "VALUES ('monitor/line-3', 'an agent whose clock was ahead', '2030-01-01 00:00:00+00:00')",
    "INSERT INTO evidence (stream, detector, segment, window_start, kind, topic, partition, "
    "record_offset, event_id, event_time, p_value, layer_p_values) VALUES ('line-3', 'd', '*', "
    "'2026-03-01 12:00:00+00:00', 'unusual', 'images', 0, 5, 'e', '2026-03-01 12:00:00+00:00', "
    "0.5, '{}')",
)


def test_a_database_of_version_0004_keeps_what_it_counted(fresh: Database) -> None:
    make_at(fresh, "0004")
    zone = "" if fresh.is_sqlite else "+00:00"
    with fresh.write() as connection:
        for statement in OF_0004:
            connection.exec_driver_sql(statement.replace("+00:00", zone))
    assert fresh.upgrade()
    store = Store(fresh)
    (found,) = store.streams()
    assert (found.stream, found.alpha) == ("line-3", 0.01)
    (place,) = store.partitions("line-3")
    assert (place.next_offset, place.topic_id) == (7, None)
    assert [row.event_id for row in store.evidence("line-3")] == ["e"]
    assert store.acquire_lease("monitor/line-3", "a new agent", ttl_seconds=30)
    assert store.agents("line-3") == []


def test_evidence_of_two_topics_does_not_stop_a_way_back(fresh: Database) -> None:
    fresh.upgrade()
    store = Store(fresh)
    store.ensure_stream(STREAM, TOPIC, 60)
    kept = [evidence(0), evidence(0, minute=90)]
    store.flush(flush(advance(None, 1), evidence=kept))
    take_back(fresh, to="0004")
    fresh.upgrade()
    assert store.evidence(STREAM) == kept[1:]


def test_windows_that_version_0006_judged_are_not_judged_again_and_the_others_are(
    fresh: Database,
) -> None:
    fresh.upgrade()
    store = Store(fresh, now=lambda: START + timedelta(hours=1))
    store.ensure_stream(STREAM, TOPIC, 60)
    store.flush(flush(advance(None, 1), windows=[window({0: n + 1}, minute=n) for n in range(4)]))
    store.judge(Judgement(STREAM, None, MonitorState(START + timedelta(minutes=1), "")))
    take_back(fresh, to="0006")
    fresh.upgrade()
    taken = store.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=60, grace_seconds=0
    )
    assert [row.events for row in taken.windows] == [3, 4]
    assert taken.late == []
    store.flush(flush(advance(1, 2), windows=[window({0: 9})]))
    late = store.claim_windows(
        STREAM, DETECTOR, window_seconds=60, idle_seconds=60, grace_seconds=0
    ).late
    assert [sum(row.counts) for row in late] == [9]


OF_0016 = {
    "detector": "d",
    "segments": {
        "camera=3": {"tests": {"betting": {}}, "quiet": {"betting": 2}, "nearness": 0.5},
        "camera=4": {"tests": {}, "quiet": 0},
    },
    "learning": {
        "camera=4": {"begins": START.isoformat(), "tried": None, "until": START.isoformat()}
    },
}


def test_what_the_monitor_of_version_0016_had_learnt_is_kept(fresh: Database) -> None:
    fresh.upgrade()
    take_back(fresh, to="0016")
    store = Store(fresh, now=lambda: START)
    with fresh.write() as connection:
        connection.execute(
            text(
                "INSERT INTO stream (stream, topic, window_seconds, created_at, alpha) VALUES ('s', 't', 60, :at, 0.01)"
            ),
            {"at": "2026-03-01 12:00:00" if fresh.is_sqlite else START},
        )
        connection.execute(
            text("INSERT INTO monitor_state VALUES ('s', :at, :state)"),
            {
                "at": "2026-03-01 12:00:00" if fresh.is_sqlite else START,
                "state": json.dumps(OF_0016),
            },
        )
    fresh.upgrade()
    assert store.monitor_state("s", "d") == MonitorState(START, "{}")
    rows = {row.segment: row for row in store.segment_states("s", "d")}
    assert rows["camera=3"].nearness == 0.5
    assert json.loads(rows["camera=3"].content) == {"quiet": {"betting": 2}}
    assert json.loads(rows["camera=4"].content) == {"lesson": OF_0016["learning"]["camera=4"]}  # type: ignore[index]  # JSON
    take_back(fresh, to="0016")
    fresh.upgrade()
    assert store.monitor_state("s") == MonitorState(START, "{}")


@pytest.mark.postgres
def test_no_query_waits_for_a_compiler(postgres_url: str) -> None:
    database = Database(postgres_url)
    database.upgrade()
    database.close()
    with database.read() as connection:
        assert connection.exec_driver_sql("SHOW jit").scalar() == "off"
    database.close()


def test_migrations_are_numbered_one_after_the_other() -> None:
    names = sorted(path.name for path in (MIGRATIONS / "versions").glob("v*.py"))
    assert [name[1:5] for name in names] == [f"{n:04d}" for n in range(1, len(names) + 1)]
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert [script.revision for script in scripts.walk_revisions()] == [
        name[1:5] for name in reversed(names)
    ]
    assert newest_revision() == scripts.get_current_head()


def test_reading_a_database_loads_no_migrations(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/driftgauge.db"
    made = Database(url)
    made.upgrade()
    made.close()
    program = (
        "import sys; from driftgauge.storage import Database; "
        f"Database({url!r}).check_schema(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
