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
    return words + waits * (n_waiting > 0) + _suggested(store, stream)


def _suggested(store: Store, stream: str) -> str:
    """Return that a retraining is worth while since people called changes normal; empty where none did."""
    active = store.active_detector(stream)
    if active is None:
        return ""
    later = store.alerts(stream, since=active.created_at)
    n_accepted = sum(alert.verdict == "accepted" for alert in later)
    what = "alert was" if n_accepted == 1 else "alerts were"
    return (
        f"; {n_accepted} {what} accepted as normal since {active.detector} was fitted: driftgauge retrain "
        "learns that"
    ) * (n_accepted > 0)


def trial_in_words(store: Store, stream: str) -> str:
    """Return which detector is on trial beside the active one, and what is waited for; empty for none."""
    trial = store.trials.running(stream)
    if trial is not None:
        due = f"{trial.due_at:%Y-%m-%d %H:%M} UTC"
        waits = f"; it goes on: {trial.reason}" if trial.reason else ""
        return f"{trial.detector} scores beside {trial.basis}, to be decided at {due}{waits}"
    record, shadow = waiting_candidate(store, stream), store.versions.shadow_of(stream)
    if record is not None:
        return f"{record.candidate} passed its gate, and waits: {_why_waiting(store, record)}"
    if shadow is not None:
        return f"{shadow.detector} scores beside the active one until a person decides"
    return ""


def _why_waiting(store: Store, record: RetrainingRecord) -> str:
    active, shadow = store.active_detector(record.stream), store.versions.shadow_of(record.stream)
    if active is not None and active.detector != record.basis:
        return (
            f"it was compared with {record.basis}, which is not active any more; driftgauge detectors "
            "promote, or retrain again"
        )
    if shadow is not None:
        return f"{shadow.detector} scores beside the active one until a person decides"
    return "an agent that runs begins its trial, or promotes it"


def waiting_candidate(store: Store, stream: str) -> RetrainingRecord | None:
    """Return the newest retraining that passed, while its candidate is used for nothing yet."""
    for record in store.retrainings.all(stream, limit=100):
        if record.state == "passed":
            found = store.versions.get(stream, record.candidate or "")
            is_new = found is not None and found.status == "candidate" and not found.pruned_at
            return record if is_new and "shadow_seconds" in record.plan else None
    return None


def _in_words(record: RetrainingRecord) -> str:
    if record.state == "running":
        begun = f"begun {record.started_at:%Y-%m-%d %H:%M} UTC"
        return f"number {record.id}, {begun}: {record.step}, {record.share:.0%}"
    ended = f" at {record.finished_at:%Y-%m-%d %H:%M} UTC" if record.finished_at else ""
    made = f", detector {record.candidate}" if record.candidate else ""
    why = f": {record.reason}" if record.reason else ""
    return f"number {record.id} {record.state}{ended}{made}{why}"
