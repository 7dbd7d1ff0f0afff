"""Alerts in the form that Alertmanager takes and passes on: labels that stay, annotations that change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from driftgauge.storage import ENDED_STATES

from ..alert.wording import percent
from .notice import Notice
from .summary import Summary

ALERT_NAME = "DriftgaugeImageDrift"
DIGEST_NAME = "DriftgaugeDigest"


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


def webhook_body(notices: Sequence[Notice]) -> dict[str, Any]:
    """Return the body of a webhook as Alertmanager sends it, version 4; *notices* are not empty.

    Of several steps of one alert the last counts. An alert has one member more, ``driftgauge``,
    with every figure of the notice.

    Source: Prometheus documentation, Alertmanager configuration, ``webhook_config``.
    """
    last = {notice.alert.id: notice for notice in notices}
    alerts = [_webhook_alert(notice) for notice in last.values()]
    alert = notices[-1].alert
    own = f'alert_id="{alert.id}", ' if len(last) == 1 else ""
    return {
        "version": "4",
        "groupKey": f'{{}}:{{{own}stream="{alert.stream}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "receiver": "driftgauge",
        "groupLabels": {"alertname": ALERT_NAME, "stream": alert.stream},
        "commonLabels": _common([one["labels"] for one in alerts]),
        "commonAnnotations": _common([one["annotations"] for one in alerts]),
        "externalURL": notices[-1].link,
        "alerts": alerts,
    }


def summary_body(summary: Summary) -> dict[str, Any]:
    """Return the body of a webhook for several steps; a digest is one alert that is over."""
    if summary.notices:
        return webhook_body(summary.notices)
    at = moment(summary.at)
    labels = {"alertname": DIGEST_NAME, "stream": summary.stream, "severity": summary.severity}
    annotations = {"summary": summary.title, "description": summary.text}
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{DIGEST_NAME}", stream="{summary.stream}"}}',
        "truncatedAlerts": 0,
        "status": "resolved",
        "receiver": "driftgauge",
        "groupLabels": {"alertname": DIGEST_NAME, "stream": summary.stream},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [
            {
                "status": "resolved",
                "labels": labels,
                "annotations": annotations,
                "startsAt": at,
                "endsAt": at,
                "generatorURL": "",
                "fingerprint": summary.key,
            }
        ],
    }


def _webhook_alert(notice: Notice) -> dict[str, Any]:
    alert, is_over = notice.alert, notice.kind in ENDED_STATES
    ends_at = moment(alert.resolved_at or notice.at) if is_over else "0001-01-01T00:00:00Z"
    return {
        "status": "resolved" if is_over else "firing",
        "labels": alert_labels(notice),
        "annotations": alert_annotations(notice),
        "startsAt": moment(alert.opened_at),
        "endsAt": ends_at,
        "generatorURL": notice.link,
        "fingerprint": f"{alert.stream}-{alert.id}",
        "driftgauge": notice.values(),
    }


def _common(values: Sequence[dict[str, str]]) -> dict[str, str]:
    """Return the pairs that all have."""
    first = values[0]
    return {
        name: text for name, text in first.items() if all(one.get(name) == text for one in values)
    }
