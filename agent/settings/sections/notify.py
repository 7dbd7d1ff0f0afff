"""The section ``notify`` of ``driftgauge.toml``."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from ..section import Duration, Section


class NotifySection(Section):
    """Who is told of alerts, and how. Several may be set; each is told everything."""

    apprise_urls: SecretStr | None = Field(
        default=None, examples=["mailtos://USER:PASSWORD@mail.internal?to=oncall@example.com"]
    )
    """Where Apprise sends alerts: Slack, Teams, mail, PagerDuty, Discord, ntfy and a hundred more,
    each by its URL; several are separated by blanks. Needs the extra "notify"."""
    alertmanager_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", examples=["http://alertmanager.internal:9093"]
    )
    """A Prometheus Alertmanager, which groups, silences and routes."""
    webhook_url: SecretStr | None = Field(
        default=None, examples=["https://hooks.internal/driftgauge"]
    )
    """An address that each alert's steps are posted to, in the form of Alertmanager's webhooks."""
    webhook_secret: SecretStr | None = Field(default=None, examples=["SECRET"])
    """Signs what is posted (the header Driftgauge-Signature), so that the receiver can trust it."""
    kafka_topic: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,249}$", examples=["drift-alerts"]
    )
    """A topic on the same broker that each alert's steps are sent to, as CloudEvents."""
    min_severity: Literal["info", "warning", "critical"] = "info"
    """Alerts below this are shown by `driftgauge alerts`, and nobody is told; one that worsens to it
    is told."""
    pictures: bool = True
    """Whether chat and mail get a picture: the most unusual frames beside typical ones. What
    [evidence] thumbnails leaves out or blurs is left out or blurred here."""
    page_url: str = Field(default="", examples=["https://wiki.internal/driftgauge?alert={alert}"])
    """Address put into each message, for who wants to read on; "{alert}" becomes its number."""
    give_up: Duration = timedelta(days=1)
    """How long delivery of a message is tried; then it is given up, and `driftgauge status` says so."""
    heartbeat_url: SecretStr | None = Field(
        default=None, examples=["https://hc-ping.com/YOUR-CHECK"]
    )
    """An address that is asked once a minute while windows are judged in time, so that a monitoring
    service notices when that ends."""
