"""The receivers of alerts, from the settings."""

from __future__ import annotations

from driftgauge.storage import Store

from ..clock import SystemClock
from ..notify.delivery import Delivery, DeliverySettings
from ..notify.examples import Examples
from ..notify.heartbeat import Heartbeat
from ..notify.sink import Sink
from ..notify.sinks import SinkTools, build_sinks
from ..settings.load import Settings
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
    notify = settings.notify
    return Delivery(
        store,
        build_all_sinks(settings),
        DeliverySettings(
            stream=settings.stream.name,
            min_severity=notify.min_severity,
            give_up=notify.give_up,
            page_url=notify.page_url,
        ),
        SystemClock(),
        describe=Examples(store, window_seconds=settings.windows.seconds, draws=notify.pictures),
    )


def build_heartbeat(settings: Settings) -> Heartbeat | None:
    """Return the heartbeat that reports that windows are judged; None if it is not configured."""
    url = settings.notify.heartbeat_url
    if url is None:
        return None
    longest = 5 * settings.monitor.interval_seconds + settings.monitor.idle_seconds
    return Heartbeat(url.get_secret_value(), SystemClock(), max_age_seconds=longest)
