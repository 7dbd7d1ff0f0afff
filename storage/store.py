"""The store: every call that agents and commands make on the database."""

from __future__ import annotations

from datetime import datetime

from . import streams
from .calls.agent_calls import AgentCalls
from .calls.alert_calls import AlertCalls
from .calls.arrival_calls import ArrivalCalls
from .calls.detector_calls import DetectorCalls
from .calls.history_calls import HistoryCalls
from .calls.incident_calls import IncidentCalls
from .calls.monitor_calls import MonitorCalls
from .calls.notification_calls import NotificationCalls
from .calls.stream_calls import StreamCalls
from .kept import Kept
from .retrainings import Retrainings
from .trials import Trials
from .upkeep import Upkeep


class Store(
    StreamCalls,
    AgentCalls,
    HistoryCalls,
    MonitorCalls,
    AlertCalls,
    IncidentCalls,
    ArrivalCalls,
    NotificationCalls,
    DetectorCalls,
):
    """Reads and writes of one database, each call one transaction; threads may share it.

    Every call raises StoreUnavailable when the database does not answer, and can then be made
    again: a call that failed wrote nothing.
    """

    def clock(self) -> datetime:
        """Return the time by the database's clock."""
        with self._database.read() as connection:
            return self._now(connection)

    def ping(self) -> None:
        """Return when the database answers, with the least work that shows it."""
        with self._database.read() as connection:
            streams.ping(connection)

    def database_id(self) -> str:
        """Return the id that this database has had since it was made; its copies have it as well."""
        with self._database.write() as connection:
            return streams.database_id(connection)

    @property
    def upkeep(self) -> Upkeep:
        """What keeps the history quick and small."""
        return Upkeep(self._database, self._now)

    @property
    def kept(self) -> Kept:
        """The rows of the taps that are kept to learn from."""
        return Kept(self._database, self._now)

    @property
    def retrainings(self) -> Retrainings:
        """Attempts to retrain, and what a person is to review."""
        return Retrainings(self._database, self._now)

    @property
    def trials(self) -> Trials:
        """Detectors on trial beside the active one."""
        return Trials(self._database, self._now)
