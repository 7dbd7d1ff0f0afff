"""What people found alerts to be, and how often each test was right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from .alert_columns import ALERT_COLUMNS
from .alert_records import VERDICTS, AlertRecord, VerdictCount
from .alerts import log_step, require_alert, transition_alert
from .incidents import incidents_of, settle_incidents
from .tables import alert


def give_verdict(
    connection: Connection, alert_id: int, verdict: str, *, at: datetime, by: str, note: str
) -> AlertRecord:
    """Keep a person's verdict, and resolve the alert if it lives; the last verdict stands."""
    if verdict not in VERDICTS:
        raise ValueError(f"{verdict!r} is no verdict; wanted one of {', '.join(VERDICTS)}")
    found = require_alert(connection, alert_id)
    said = f"{verdict}: {note}" if note else verdict
    moved = transition_alert(connection, alert_id, "resolved", at=at, by=by, note=said)
    if moved.state == found.state and verdict != found.verdict:  # it had ended before
        log_step(connection, alert_id, found.state, found.state, at=at, by=by, note=said)
    connection.execute(alert.update().where(alert.c.id == alert_id).values(verdict=verdict))
    return require_alert(connection, alert_id)


def give_verdicts(
    connection: Connection,
    numbers: Sequence[int],
    verdict: str,
    *,
    at: datetime,
    by: str,
    note: str,
) -> list[AlertRecord]:
    """Keep a person's verdict on several alerts, all or none; their incidents follow."""
    judged = [
        give_verdict(connection, number, verdict, at=at, by=by, note=note) for number in numbers
    ]
    own = incidents_of(connection, numbers)
    settle_incidents(connection, own, now=at, by=by, note=f"{verdict}: {note}" if note else verdict)
    return judged


def read_accepted(connection: Connection, stream: str, detector: str) -> list[AlertRecord]:
    """Return the alerts of which a person said that the change is normal, the oldest first."""
    query = (
        select(*ALERT_COLUMNS)
        .where(
            alert.c.stream == stream,
            func.coalesce(alert.c.judged_by, alert.c.detector) == detector,
            alert.c.verdict == "accepted",
        )
        .order_by(alert.c.id)
    )
    return [AlertRecord(*row) for row in connection.execute(query)]


def count_verdicts(connection: Connection, stream: str) -> list[VerdictCount]:
    """Return how many alerts of each test were real, accepted and false, by name."""
    query = (
        select(alert.c.test, alert.c.verdict, func.count())
        .where(alert.c.stream == stream)
        .group_by(alert.c.test, alert.c.verdict)
    )
    found: dict[str, dict[str | None, int]] = {}
    for test, verdict, count in connection.execute(query):
        found.setdefault(test, {})[verdict] = count
    return [
        VerdictCount(
            test=test,
            alerts=sum(counts.values()),
            real=counts.get("real", 0),
            accepted=counts.get("accepted", 0),
            false=counts.get("false", 0),
            unjudged=counts.get(None, 0),
        )
        for test, counts in sorted(found.items())
    ]
