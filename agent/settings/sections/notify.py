"""The section ``notify`` of ``driftgauge.toml``."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from ..section import Duration, QuietHoursText, Section, TimeText, Words, ZoneName
from .notify_route import NotifyRoute, Severity
from .notify_template import NotifyTemplate


def _json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


Routes = Annotated[tuple[NotifyRoute, ...], BeforeValidator(_json)]
"""Tables; in the environment JSON."""

NotifyTemplates = Annotated[tuple[NotifyTemplate, ...], BeforeValidator(_json)]


class NotifySection(Section):
    """Receivers of alerts. Several may be set; each receives every alert, unless routes say less."""

    apprise_urls: SecretStr | None = Field(
        default=None, examples=["mailtos://USER:PASSWORD@mail.internal?to=oncall@example.com"]
    )
    """Where Apprise sends alerts: Slack, Teams, mail, PagerDuty, Discord, ntfy and a hundred more,
    each by its URL; separate several with spaces. Needs the extra "notify"."""
    alertmanager_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", examples=["http://alertmanager.internal:9093"]
    )
    """A Prometheus Alertmanager, which groups, silences and routes."""
    webhook_url: SecretStr | None = Field(
        default=None, examples=["https://hooks.internal/driftgauge"]
    )
    """URL to which each alert's steps are posted, in the format of Alertmanager's webhooks."""
    webhook_secret: SecretStr | None = Field(default=None, examples=["SECRET"])
    """Key that signs webhook requests (header Driftgauge-Signature), so that the receiver can verify
    them."""
    kafka_topic: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,249}$", examples=["drift-alerts"]
    )
    """A topic on the same broker to which each alert's steps are sent as CloudEvents."""
    min_severity: Severity = "info"
    """Alerts below this severity are not sent, only shown by `driftgauge alerts`; an alert that
    worsens to it is sent."""
    routes: Routes = Field(
        default=(),
        examples=[({"sinks": ["slack"], "segments": ["site=north"], "min_severity": "critical"},)],
    )
    """Which alerts a receiver gets, by severity, segment and test; also written as tables
    [[notify.routes]]. A receiver that no route names gets every alert."""
    quiet_hours: QuietHoursText = Field(default="", examples=["22:00-07:00"])
    """Hours in which people are not disturbed: mail, chat and the webhook then get one message at
    the end of them. Alertmanager and Kafka get every step at once."""
    quiet_severity: Severity = "warning"
    """Alerts above this severity are sent in quiet hours, too."""
    time_zone: ZoneName = "UTC"
    """The time zone of quiet hours and digests."""
    max_per_hour: int = Field(default=30, ge=1, le=3600)
    """Messages an hour to each of mail, chat and the webhook; beyond that, one message says what
    the others would have said."""
    digest: Literal["never", "daily", "weekly"] = "weekly"
    """How often a digest is sent, whether anything happened or not: what was watched and what was
    not, rates, alerts, dead letters, lag. Weekly ones come on Mondays."""
    digest_time: TimeText = "08:00"
    """When, in the zone of time_zone."""
    digest_sinks: Words = ("*",)
    """Who gets it, by name or kind; Alertmanager never does."""
    pictures: bool = True
    """Whether chat and mail get a picture: the most unusual frames next to typical ones.
    [evidence] thumbnails also decides whether these are blurred or left out."""
    templates: NotifyTemplates = Field(
        default=(),
        examples=[({"sinks": ["slack"], "subject": "{{ segment }} {{ kind }}"},)],
    )
    """Other words than the default ones, by receiver: "subject" and "body" are Jinja templates; also
    written as tables [[notify.templates]]. `driftgauge notify test` tries them."""
    page_url: str = Field(default="", examples=["https://wiki.internal/driftgauge?alert={alert}"])
    """URL added to each message, for example of a runbook; "{alert}" becomes the alert's number."""
    give_up: Duration = timedelta(days=1)
    """How long delivery of a message is retried; then it is given up, and `driftgauge status` reports
    it."""
    heartbeat_url: SecretStr | None = Field(
        default=None, examples=["https://hc-ping.com/YOUR-CHECK"]
    )
    """URL that is requested once a minute while windows are judged in time, so that a monitoring
    service notices when the requests stop (a dead man's switch)."""
