"""The store's calls: what was counted, and the pictures kept of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from .. import class_rates, evidence, export, histogram_rows, windows
from ..class_rates import ClassPeriod, ClassRate
from ..flush_records import EvidenceRecord, ScoreSummary, WindowRecord
from ..histogram_rows import HistogramRows
from ..levels import read_levels
from ..periods import Period
from ..stream_records import RateRow
from .connected import Connected


class HistoryCalls(Connected):
    """Calls on what was counted, and the pictures kept of it; see `Store`."""

    def windows(
        self,
        stream: str,
        detector: str,
        *,
        after: datetime | None,
        until: datetime,
        segments: Collection[str] | None = None,
        layers: Collection[str] | None = None,
    ) -> list[WindowRecord]:
        """Return windows that start after *after* and before *until*, by start, segment, layer."""
        with self._database.read() as connection:
            return windows.read_windows(
                *(connection, stream, detector),
                after=after,
                until=until,
                segments=segments,
                layers=layers,
            )

    def histograms(
        self,
        stream: str,
        detector: str,
        *,
        after: datetime | None,
        until: datetime,
        segments: Collection[str] | None = None,
    ) -> HistogramRows:
        """Return the histograms of the same windows, as the monitor judges them: for a quarter of the processor time."""
        with self._database.read() as connection:
            return histogram_rows.read_histograms(
                *(connection, stream, detector), after=after, until=until, segments=segments
            )

    def windows_kept_from(self) -> datetime:
        """Return the event time before which counts by window are dropped, whenever they were made."""
        with self._database.read() as connection:
            return read_levels(connection)["window"].kept_from

    def rates(
        self,
        stream: str,
        *,
        period: Period = "hour",
        segment: str | None = None,
        layer: str | None = "*",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[RateRow]:
        """Return OOD rates at the stream's alpha in order of time.

        Args:
            stream: its name.
            period: UTC minutes, hours or days, or the windows as counted.
            segment: None for all.
            layer: ``*`` for the combined p-value, None for all.
            since: the period that holds this moment is the first.
            until: periods that start from this moment on are left out.
            limit: keep only this many rows, the newest.
        """
        with self._database.read() as connection:
            return windows.read_rates(
                connection,
                stream,
                period=period,
                segment=segment,
                layer=layer,
                since=since,
                until=until,
                limit=limit,
            )

    def class_rates(
        self,
        stream: str,
        *,
        period: ClassPeriod = "hour",
        segment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[ClassRate]:
        """Return how often each class was predicted, in order of time; arguments as of `rates`."""
        with self._database.read() as connection:
            return class_rates.read_class_rates(
                connection,
                stream,
                period=period,
                segment=segment,
                since=since,
                until=until,
                limit=limit,
            )

    @contextmanager
    def read_view(
        self,
        view: str,
        stream: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        batch_rows: int,
    ) -> Iterator[tuple[int, Iterator[Sequence[Sequence[Any]]]]]:
        """Give how many rows one of the views `EXPORTED` has of *stream*, and the rows in batches.

        The rows are in no order. They are of one transaction, which lasts as long as the context.
        """
        with self._database.read() as connection:
            total = export.count_view(connection, view, stream, since=since, until=until)
            yield (
                total,
                export.read_view(
                    connection, view, stream, since=since, until=until, batch_rows=batch_rows
                ),
            )

    def p_value_counts(
        self, stream: str, *, period: Period, segment: str, since: datetime | None = None
    ) -> list[tuple[datetime, tuple[int, ...]]]:
        """Return each period's combined p-values, ``N_BINS`` counts, in order of time."""
        with self._database.read() as connection:
            return windows.read_p_value_counts(
                connection, stream, period=period, segment=segment, since=since
            )

    def segments(self, stream: str) -> dict[str, datetime]:
        """Return every segment that was ever counted, by name, with the start of its newest window.

        It is quick, however long the history.
        """
        with self._database.read() as connection:
            return windows.read_segments(connection, stream)

    def event_counts(self, stream: str) -> dict[str, int]:
        """Return how many events each segment counted."""
        with self._database.read() as connection:
            return windows.event_counts(connection, stream)

    def summaries(self, stream: str) -> list[ScoreSummary]:
        """Return the latest running statistics of each layer's scores."""
        with self._database.read() as connection:
            return windows.read_summaries(connection, stream)

    def evidence(
        self,
        stream: str,
        *,
        segment: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> list[EvidenceRecord]:
        """Return events kept from [*since*, *until*): lowest p first, typical ones newest."""
        with self._database.read() as connection:
            return evidence.read_evidence(
                connection,
                stream,
                segment=segment,
                kind=kind,
                since=since,
                until=until,
                limit=limit,
            )
