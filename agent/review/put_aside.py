"""The frames of a run that retraining has put aside, for a person who must accept or refuse it."""

from __future__ import annotations

from datetime import timedelta

from driftgauge.storage import EvidenceRecord, ReviewRecord, Store, StreamRecord

from ..settings.sections import KeepSection


def put_aside_frames(
    store: Store, stream: StreamRecord, review: ReviewRecord, keep: KeepSection, *, limit: int
) -> list[EvidenceRecord]:
    """Return the most unusual kept events of the run, the most unusual first.

    Args:
        keep: says how long a run is.
    """
    run = timedelta(seconds=stream.window_seconds * keep.windows_per_run)
    return store.evidence(
        stream.stream,
        segment=review.segment,
        kind="unusual",
        since=review.run_start,
        until=review.run_start + run,
        limit=limit,
    )
