"""A stream whose alerts are delivered as the settings say, and a clock that moves when told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from driftgauge.agent.clock import ManualClock
from driftgauge.agent.notify.delivery import Delivery, DeliverySettings
from driftgauge.agent.notify.digest import DigestPlan
from driftgauge.agent.notify.routing import Routing
from driftgauge.agent.notify.sink import Sink
from driftgauge.agent.settings.sections import NotifySection
from driftgauge.agent.wiring.notify import build_composition
from driftgauge.storage import AlertRecord, EvidenceRecord, Judgement, MonitorState, Store

from ...stores import START, STREAM, evidence


class Site:
    """Alerts go to *sinks*; the keywords are settings of the section ``notify``."""

    def __init__(
        self,
        store: Store,
        *sinks: Sink,
        starts: datetime = START,
        digests: DigestPlan | None = None,
        **notify: Any,
    ) -> None:
        self.digest = digests
        self.clock = ManualClock(starts)
        self.store = Store(store._database, now=self.clock.now)
        self.sinks = sinks
        self.settings = NotifySection.model_validate({"page_url": "https://x/{alert}", **notify})
        self.n_turns = self.n_alone = 0
        self.restart()
        self.delivery.turn()

    def restart(self) -> None:
        """Start a new agent in place of the old one."""
        settings = self.settings
        self.delivery = Delivery(
            self.store,
            self.sinks,
            DeliverySettings(
                stream=STREAM, give_up=settings.give_up, max_per_hour=settings.max_per_hour
            ),
            self.clock,
            routing=Routing(settings, [sink.name for sink in self.sinks]),
            composition=build_composition(settings, self._describe),
            digest=self.digest,
        )

    def judge(self, *alerts: AlertRecord, together: bool = False) -> list[int]:
        """Write what a turn of the monitor found; return the alerts' numbers.

        New alerts began hours apart, so that each is an incident of its own, unless *together*.
        """
        if not together:
            alerts = tuple(self._alone(one) if one.id is None else one for one in alerts)
        cursor = START + timedelta(minutes=self.n_turns)
        previous = None if self.n_turns == 0 else cursor - timedelta(minutes=1)
        self.n_turns += 1
        judgement = Judgement(STREAM, previous, MonitorState(cursor, "{}"), alerts)
        return [stored.id or 0 for stored in self.store.judge(judgement)]

    def _alone(self, one: AlertRecord) -> AlertRecord:
        later = timedelta(hours=self.n_alone)
        self.n_alone += 1
        return replace(one, since=one.since + later, window_start=one.window_start + later)

    def resolve(self, number: int, by: str = "ann") -> None:
        """End an alert."""
        self.store.transition_alert(number, "resolved", at=self.clock.now(), by=by)

    def wait(self, seconds: float) -> None:
        """Let time pass, and deliver."""
        self.clock.sleep(seconds)
        self.delivery.turn()

    def _describe(self, alert: AlertRecord) -> tuple[Sequence[EvidenceRecord], bytes | None]:
        return [evidence(12)], b"png"
