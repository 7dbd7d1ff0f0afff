"""Whatever Apprise speaks to: Slack, Teams, mail, PagerDuty, Discord, ntfy and many more."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from driftgauge.storage import ENDED_STATES

from ....extras import install_command
from ...errors import NotificationUndelivered, SettingsError
from ..notice import Notice
from ..summary import Summary
from ..unsaid import without_address

_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}


class AppriseSink:
    """Sends each notice to one Apprise URL, with the picture where the service takes one.

    Raises:
        SettingsError: Apprise is not installed, or does not know the URL.
    """

    is_for_people = True

    def __init__(self, url: str) -> None:
        try:
            import apprise
        except ModuleNotFoundError:
            raise SettingsError(
                "notify.apprise_urls needs the Python package 'apprise', which is not installed",
                hint=install_command("notify"),
            ) from None
        self._url = url
        scheme = url.partition("://")[0]
        self._service: Any = apprise.Apprise()
        if not self._service.add(url):
            raise SettingsError(
                f"notify.apprise_urls: Apprise does not support a URL that begins with {scheme}://",
                hint="its documentation lists the form of each service's URL",
            )
        self.name = f"{scheme}-{hashlib.sha256(url.encode()).hexdigest()[:6]}"

    def send(self, notice: Notice) -> None:
        """Return when the service took the notice."""
        kind = "success" if notice.kind in ENDED_STATES else _TYPES[notice.alert.severity]
        number = notice.incident.id if notice.incident else notice.alert.id
        self._mark(notice.key, thread=f"driftgauge/{notice.alert.stream}/{number}")
        self._notify(notice.title, notice.text, kind, self._attachment(notice))

    def send_summary(self, summary: Summary) -> None:
        """Return when the service took the summary."""
        self._mark(summary.key, thread=summary.key)
        self._notify(summary.title, summary.text, _TYPES[summary.severity], None)

    def _mark(self, key: str, *, thread: str) -> None:
        """Hand the keys to the services that take some.

        PagerDuty makes the steps of one *thread* one incident, and resolves it at the end; a mail
        has the *key* as a header.
        """
        for service in self._service:
            if hasattr(service, "dedup"):
                service.dedup = thread
                service.action = "map"  # to resolve on success, and trigger otherwise
            elif isinstance(getattr(service, "headers", None), dict):
                service.headers["Idempotency-Key"] = key

    def _notify(self, title: str, text: str, kind: str, attachment: Any) -> None:
        with _what_apprise_says() as said:
            sent = self._service.notify(
                title=title, body=text, notify_type=kind, body_format="text", attach=attachment
            )
        if not sent:
            reason = without_address(said[-1], self._url) if said else "Apprise gives no reason"
            raise NotificationUndelivered(f"{self.name} did not accept it: {reason}")

    def close(self) -> None:
        """Nothing is kept open."""

    def _attachment(self, notice: Notice) -> Any:
        if notice.picture is None:
            return None
        from apprise.attachment.memory import AttachMemory

        name = f"driftgauge-alert-{notice.alert.id}.png"
        return AttachMemory(content=notice.picture, name=name, mimetype="image/png")


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def _what_apprise_says() -> Iterator[list[str]]:
    """Collect Apprise's own log lines, which alone say why, and keep them out of ours."""
    listener, log = _Listener(), logging.getLogger("apprise")
    propagated, log.propagate = log.propagate, False
    log.addHandler(listener)
    try:
        yield listener.said
    finally:
        log.removeHandler(listener)
        log.propagate = propagated
