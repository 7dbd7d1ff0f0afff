"""The section ``notify`` of ``driftgauge.toml``."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from ..section import Duration, Section


class NotifySection(Section):
    """Receivers of alerts. Several may be set; each receives everything."""

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
    min_severity: Literal["info", "warning", "critical"] = "info"
    """Alerts below this severity are not sent, only shown by `driftgauge alerts`; an alert that
    worsens to it is sent."""
    pictures: bool = True
    """Whether chat and mail get a picture: the most unusual frames next to typical ones.
    [evidence] thumbnails also decides whether these are blurred or left out."""
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
