"""Alerts in the form that Alertmanager takes and passes on: labels that stay, annotations that change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..alert.wording import percent
from .notice import Notice

ALERT_NAME = "DriftgaugeImageDrift"


def alert_labels(notice: Notice, *, severity: str | None = None) -> dict[str, str]:
    """Return what identifies the alert to Alertmanager; none of it changes while it lives.

    Args:
        severity: another than the alert's own, to end what was told under that.
    """
    alert = notice.alert
    return {
        "alertname": ALERT_NAME,
        "stream": alert.stream,
        "segment": alert.segment,
        "test": alert.test,
        "alert_id": str(alert.id),
        "severity": severity or alert.severity,
    }


def alert_annotations(notice: Notice) -> dict[str, str]:
    """Return what a person reads; it may change while the alert lives."""
    alert = notice.alert
    return {
        "summary": notice.title,
        "description": notice.text,
        "rate": percent(alert.rate_now),
        "normal_rate": percent(alert.rate_normal),
        "detector": alert.detector,
    }


def moment(at: datetime) -> str:
    """Return *at* as RFC 3339."""
    return at.isoformat().replace("+00:00", "Z")


def webhook_body(notice: Notice) -> dict[str, Any]:
    """Return the body of a webhook as Alertmanager sends it, version 4, with one alert.

    Source: Prometheus documentation, Alertmanager configuration, ``webhook_config``. The alert has
    one member more, ``driftgauge``, with every figure of the notice.
    """
    alert = notice.alert
    status = "resolved" if notice.kind == "resolved" else "firing"
    own = alert_labels(notice)
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alert_id="{alert.id}", stream="{alert.stream}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "driftgauge",
        "groupLabels": {"alertname": ALERT_NAME, "stream": alert.stream},
        "commonLabels": own,
        "commonAnnotations": alert_annotations(notice),
        "externalURL": notice.link,
        "alerts": [
            {
                "status": status,
                "labels": own,
                "annotations": alert_annotations(notice),
                "startsAt": moment(alert.opened_at),
                "endsAt": moment(alert.resolved_at or notice.at)
                if status == "resolved"
                else "0001-01-01T00:00:00Z",
                "generatorURL": notice.link,
                "fingerprint": f"{alert.stream}-{alert.id}",
                "driftgauge": notice.values(),
            }
        ],
    }
