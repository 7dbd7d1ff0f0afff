"""The columns of an alert, in the order of `AlertRecord`."""

from __future__ import annotations

from .tables import alert

ALERT_FIELDS = (
    *("stream", "segment", "test", "detector", "state", "severity", "opened_at", "since"),
    *("window_start", "refreshed_at", "resolved_at", "rate_now", "rate_normal", "events"),
    *("layers", "message", "rate_peak", "reopened", "log_e_value", "verdict", "incident_id"),
    "judged_by",
    *("looks_like", "faults"),
)
ALERT_COLUMNS = (alert.c.id, *(alert.c[name] for name in ALERT_FIELDS))
