"""A notice that is marked as an example."""

from __future__ import annotations

from datetime import UTC, datetime

from driftgauge.storage import AlertRecord

from .notice import Notice


def example_notice(stream: str, sink: str) -> Notice:
    """Return a notice that is marked as an example; its alert has the number 0 and has ended."""
    now = datetime.now(UTC)
    alert = AlertRecord(
        id=0,
        stream=stream,
        segment="camera=example",
        test="example",
        detector="none",
        state="resolved",
        severity="info",
        opened_at=now,
        since=now,
        window_start=now,
        refreshed_at=now,
        resolved_at=now,
        rate_now=0.0,
        rate_normal=0.0,
        events=0,
        layers=[],
        message="This is an example, sent by `driftgauge notify test`. Nothing has changed.",
    )
    return Notice(
        key=f"driftgauge/{stream}/{sink}/example/{int(now.timestamp())}",
        kind="resolved",
        at=now,
        by="driftgauge notify test",
        note="example",
        alert=alert,
    )
