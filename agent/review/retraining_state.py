"""What is kept to learn from, and how the last retraining went, in words."""

from __future__ import annotations

from driftgauge.storage import RetrainingRecord, Store

_MEGABYTE = 1e6


def kept_in_words(store: Store, stream: str) -> str:
    """Return how much is kept, and since when."""
    runs = store.kept.runs(stream)
    if not runs:
        return "none to learn from yet"
    n_events, n_segments = sum(run.events for run in runs), len({run.segment for run in runs})
    megabytes = store.kept.total_bytes(stream) / _MEGABYTE
    return (
        f"{n_events} events of {n_segments} segments since {runs[0].run_start:%Y-%m-%d %H:%M} UTC, "
        f"{megabytes:.1f} MB"
    )


def retraining_in_words(store: Store, stream: str) -> str:
    """Return how the last retraining went, or how far it is; and what waits for a person."""
    records = store.retrainings.all(stream, limit=1)
    words = _in_words(records[0]) if records else "none yet"
    n_waiting = len(store.retrainings.reviews(stream, states=["waiting"]))
    waits = f"; {n_waiting} runs wait for a person (driftgauge reference list)"
    return words + waits * (n_waiting > 0)


def _in_words(record: RetrainingRecord) -> str:
    if record.state == "running":
        return f"number {record.id}: {record.step}, {record.share:.0%}"
    ended = f" at {record.finished_at:%Y-%m-%d %H:%M} UTC" if record.finished_at else ""
    made = f", detector {record.candidate}" if record.candidate else ""
    why = f": {record.reason}" if record.reason else ""
    return f"number {record.id} {record.state}{ended}{made}{why}"
