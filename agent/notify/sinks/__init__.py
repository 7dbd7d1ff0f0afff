"""Where alerts are delivered: one file a kind of sink, and a row in ``SINKS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from ...ports import Clock
from ...settings.sections import NotifySection
from ..sink import Sink
from .alertmanager import AlertmanagerSink
from .apprise_url import AppriseSink
from .kafka_topic import KafkaTopicSink, MessagePublisher
from .webhook import WebhookSink

__all__ = ["SINKS", "SinkTools", "build_sinks"]


@dataclass(frozen=True, slots=True)
class SinkTools:
    """What sinks are built with beside their settings.

    Attributes:
        publish_to: connects to the stream's broker, to publish to the given topic.
    """

    clock: Clock
    publish_to: Callable[[str], MessagePublisher]


def _apprise(settings: NotifySection, tools: SinkTools) -> list[Sink]:
    return [AppriseSink(url) for url in _revealed(settings.apprise_urls).split()]


def _alertmanager(settings: NotifySection, tools: SinkTools) -> list[Sink]:
    url = settings.alertmanager_url
    return [AlertmanagerSink(url, tools.clock)] if url else []


def _webhook(settings: NotifySection, tools: SinkTools) -> list[Sink]:
    url = _revealed(settings.webhook_url)
    return [WebhookSink(url, _revealed(settings.webhook_secret), tools.clock)] if url else []


def _kafka(settings: NotifySection, tools: SinkTools) -> list[Sink]:
    topic = settings.kafka_topic
    return [KafkaTopicSink(lambda: tools.publish_to(topic))] if topic else []


SINKS: Sequence[Callable[[NotifySection, SinkTools], list[Sink]]] = (
    _apprise,
    _alertmanager,
    _webhook,
    _kafka,
)
"""Each returns the sinks of its kind that the settings ask for; none where they ask for none."""


def build_sinks(settings: NotifySection, tools: SinkTools) -> list[Sink]:
    """Return every sink that the settings ask for.

    Raises:
        SettingsError: what a sink needs is not installed, or its address cannot be used.
    """
    return [sink for build in SINKS for sink in build(settings, tools)]


def _revealed(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
