"""The receivers of alerts, from the settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from driftgauge.storage import Store, shown_classes

from ..clock import SystemClock
from ..drift.monitor_settings import MonitorSettings
from ..notify.composition import Composition, Describe
from ..notify.delivery import Delivery, DeliverySettings
from ..notify.digest import DigestPlan
from ..notify.examples import Examples
from ..notify.heartbeat import Heartbeat
from ..notify.routing import Routing
from ..notify.sink import Sink
from ..notify.sinks import SinkTools, build_sinks
from ..notify.templates import Templates
from ..review.digest_text import digest_text
from ..settings.load import Settings
from ..settings.quiet_hours import parse_time
from ..settings.sections import NotifySection
from ..stream.publisher import KafkaPublisher
from .kafka import build_connection


def build_all_sinks(settings: Settings) -> list[Sink]:
    """Return every sink that the settings ask for; none connects before its first notice.

    Raises:
        SettingsError: what a sink needs is not installed, or its address cannot be used.
    """
    tools = SinkTools(
        clock=SystemClock(),
        publish_to=lambda topic: KafkaPublisher(build_connection(settings), topic),
    )
    return build_sinks(settings.notify, tools)


def build_delivery(settings: Settings, store: Store) -> Delivery:
    """Return what delivers the stream's alerts.

    Raises:
        SettingsError: what a sink needs is not installed, or its address cannot be used.
    """
    notify, clock = settings.notify, SystemClock()
    sinks = build_all_sinks(settings)
    routing = Routing(notify, [sink.name for sink in sinks])
    describe = Examples(store, window_seconds=settings.windows.seconds, draws=notify.pictures)
    return Delivery(
        store,
        sinks,
        DeliverySettings(
            stream=settings.stream.name,
            give_up=notify.give_up,
            max_per_hour=notify.max_per_hour,
        ),
        clock,
        routing=routing,
        composition=build_composition(notify, describe),
        digest=build_digest(settings, store),
    )


def build_digest(settings: Settings, store: Store) -> DigestPlan | None:
    """Return when digests are due and what they say; None where none is wanted."""
    notify, stream = settings.notify, settings.stream.name
    if notify.digest == "never":
        return None
    return DigestPlan(
        stream=stream,
        every_days=1 if notify.digest == "daily" else 7,
        at=parse_time(notify.digest_time),
        zone=ZoneInfo(notify.time_zone),
        sinks=notify.digest_sinks,
        text=lambda since, now: digest_text(
            store, stream, _judging(settings, store), since=since, now=now
        ),
    )


def _judging(settings: Settings, store: Store) -> MonitorSettings:
    active = store.active_detector(settings.stream.name)
    return MonitorSettings.of(
        settings.monitor,
        stream=settings.stream.name,
        window_seconds=settings.windows.seconds,
        alpha=settings.stream.alpha,
        classes=shown_classes(active.manifest) if active else (),
    )


def build_composition(notify: NotifySection, describe: Describe) -> Composition:
    """Return what writes the messages."""
    return Composition(
        describe,
        page_url=notify.page_url,
        reasons={
            "quiet_hours": f"These came in quiet hours ({notify.time_zone}):",
            "rate_limit": f"More than {notify.max_per_hour} messages an hour "
            "(notify.max_per_hour); these are told together:",
        },
        templates=Templates(notify.templates),
    )


def build_heartbeat(settings: Settings) -> Heartbeat | None:
    """Return the heartbeat that reports that windows are judged; None if it is not configured."""
    url = settings.notify.heartbeat_url
    if url is None:
        return None
    longest = 5 * settings.monitor.interval_seconds + settings.monitor.idle_seconds
    return Heartbeat(url.get_secret_value(), SystemClock(), max_age_seconds=longest)
