"""Attempts to retrain, the checks of their gates, and the runs that wait for a person's word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from .database import Database
from .errors import RecordConflict
from .retraining_records import CHECK_FIELDS, GateCheck, RetrainingRecord, ReviewRecord
from .retraining_tables import reference_review, retraining, retraining_check
from .upsert import upsert

_RETRAINING = tuple(
    retraining.c[name]
    for name in (
        *("id", "stream", "state", "trigger", "asked_by", "started_at", "finished_at", "step"),
        *("share", "basis", "candidate", "reason", "plan", "figures"),
    )
)
_CHECK = tuple(retraining_check.c[name] for name in CHECK_FIELDS)
_REVIEW = tuple(
    reference_review.c[name]
    for name in (
        *("id", "segment", "run_start", "events", "unusual", "state", "found_at"),
        *("decided_at", "decided_by", "note"),
    )
)


class Retrainings:
    """Rows of retraining of one database; each call is one transaction.

    Args:
        database: upgraded to this version.
        now: the database's time, given a connection.
    """

    def __init__(self, database: Database, now: Callable[[Connection], datetime]) -> None:
        self._database = database
        self._now = now

    def begin(
        self, stream: str, *, trigger: str, by: str, basis: str, plan: Mapping[str, Any]
    ) -> RetrainingRecord:
        """Note that an attempt begins. Who calls holds the stream's lease."""
        values = {
            "stream": stream,
            "state": "running",
            "trigger": trigger,
            "asked_by": by,
            "step": "beginning",
            "share": 0.0,
            "basis": basis,
            "reason": "",
            "plan": dict(plan),
            "figures": {},
        }
        with self._database.write() as connection:
            row = {**values, "started_at": self._now(connection)}
            key = connection.execute(retraining.insert(), row).inserted_primary_key
            return _read(connection, int(key[0]) if key else 0)

    def note_progress(self, number: int, step: str, share: float) -> None:
        """Note where an attempt stands."""
        self._update(number, step=step, share=share)

    def finish(
        self,
        number: int,
        state: str,
        *,
        reason: str = "",
        candidate: str | None = None,
        figures: Mapping[str, Any] | None = None,
        checks: Sequence[GateCheck] = (),
    ) -> RetrainingRecord:
        """Note how an attempt ended, with the checks of its gate, in one transaction."""
        rows = [
            {"retraining_id": number, "position": place, **asdict(check)}
            for place, check in enumerate(checks)
        ]
        with self._database.write() as connection:
            of_it = retraining_check.c.retraining_id == number
            connection.execute(retraining_check.delete().where(of_it))
            if rows:
                connection.execute(retraining_check.insert(), rows)
            connection.execute(
                retraining.update()
                .where(retraining.c.id == number)
                .values(
                    state=state,
                    reason=reason,
                    candidate=candidate,
                    figures=dict(figures or {}),
                    share=1.0,
                    finished_at=self._now(connection),
                )
            )
            return _read(connection, number)

    def all(self, stream: str, *, limit: int | None = None) -> list[RetrainingRecord]:
        """Return the attempts, newest first."""
        query = select(*_RETRAINING).where(retraining.c.stream == stream)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(retraining.c.id.desc()).limit(limit))
            return [RetrainingRecord(*row) for row in rows]

    def checks(self, number: int) -> list[GateCheck]:
        """Return the checks of one attempt, in order."""
        table = retraining_check.c
        query = select(*_CHECK).where(table.retraining_id == number).order_by(table.position)
        with self._database.read() as connection:
            return [GateCheck(*row) for row in connection.execute(query)]

    def put_aside(self, stream: str, runs: Collection[tuple[str, datetime, int, int]]) -> None:
        """List runs for a person to review; those that are listed keep what was said of them.

        Args:
            runs: segment, start, events, and how many of these are unusual.
        """
        with self._database.write() as connection:
            now = self._now(connection)
            statement = upsert(connection, reference_review).on_conflict_do_nothing()
            for segment, start, events, unusual in sorted(runs):
                row = {
                    "stream": stream,
                    "segment": segment,
                    "run_start": start,
                    "events": events,
                    "unusual": unusual,
                    "state": "waiting",
                    "found_at": now,
                    "note": "",
                }
                connection.execute(statement, row)

    def reviews(self, stream: str, *, states: Collection[str] | None = None) -> list[ReviewRecord]:
        """Return the runs that were put aside, in the order of time."""
        table = reference_review.c
        query = select(*_REVIEW).where(table.stream == stream)
        if states is not None:
            query = query.where(table.state.in_(sorted(states)))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.run_start, table.segment))
            return [ReviewRecord(*row) for row in rows]

    def decide(
        self, stream: str, numbers: Collection[int], state: str, *, by: str, note: str = ""
    ) -> int:
        """Accept or refuse runs that were put aside, all or none; return how many.

        Raises:
            RecordConflict: one of the numbers is none of the stream's.
        """
        table, wanted = reference_review.c, sorted(set(numbers))
        chosen = [table.stream == stream, table.id.in_(wanted)]
        with self._database.write() as connection:
            values = {
                "state": state,
                "decided_at": self._now(connection),
                "decided_by": by,
                "note": note,
            }
            changed = connection.execute(reference_review.update().where(*chosen).values(values))
            if changed.rowcount != len(wanted):
                known = set(connection.scalars(select(table.id).where(*chosen)))
                missing = ", ".join(str(n) for n in wanted if n not in known)
                raise RecordConflict(
                    f"stream {stream!r} has no run with the number {missing} on its review list",
                    hint="driftgauge reference list --all shows the numbers",
                )
        return len(wanted)

    def _update(self, number: int, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(
                retraining.update().where(retraining.c.id == number).values(**values)
            )


def _read(connection: Connection, number: int) -> RetrainingRecord:
    row = connection.execute(select(*_RETRAINING).where(retraining.c.id == number)).one()
    return RetrainingRecord(*row)
