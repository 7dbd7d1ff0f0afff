"""Whether a retraining may begin now: none beside a trial, none soon after one that passed."""

from __future__ import annotations

from datetime import timedelta

from driftgauge.storage import Store


def why_not_now(store: Store, stream: str, cool_down: timedelta) -> str:
    """Return in words why none may begin; empty where one may."""
    if (trial := store.trials.running(stream)) is not None:
        return (
            f"detector {trial.detector} scores beside the active one until "
            f"{trial.due_at:%Y-%m-%d %H:%M} UTC at least, and is then promoted or refused"
        )
    now = store.clock()
    for record in store.retrainings.all(stream):
        if record.state == "passed" and record.finished_at is not None:
            ends = record.finished_at + cool_down
            if ends > now:
                return (
                    f"retraining {record.id} passed its gate at {record.finished_at:%Y-%m-%d %H:%M} UTC, "
                    f"and retrain.cool_down lasts until {ends:%Y-%m-%d %H:%M} UTC"
                )
            return ""
    return ""
