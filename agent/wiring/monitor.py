"""The monitor that judges a stream's windows, from the settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from driftgauge.detector import Detector, lacking
from driftgauge.storage import DetectorRecord, Store, shadow_name, shown_classes

from ..drift.design_effect import Counts
from ..drift.fault_naming import FaultNaming
from ..drift.label_columns import judged_columns, n_label_columns, with_predictions
from ..drift.monitor import Monitor
from ..drift.monitor_settings import MonitorSettings
from ..drift.power_meter import PowerMeter
from ..drift.silence_settings import SilenceSettings
from ..drift.silence_watch import SilenceWatch
from ..drift.tests.catalogue import choose_tests
from ..log import action
from ..settings.load import Settings

log = logging.getLogger(__name__)

NO_EVIDENCE = "no pictures are kept ([evidence] per_window = 0)"


def build_monitor(
    settings: Settings,
    store: Store,
    detector: Detector,
    record: DetectorRecord,
    *,
    is_shadow: bool = False,
) -> Monitor:
    """Return the monitor of the stream's windows; that of a shadow raises no alert."""
    how = monitor_settings(settings, detector.classes)
    if not is_shadow:
        _tell_unjudged(settings, record)
    return Monitor(
        store,
        detector=shadow_name(record.detector) if is_shadow else record.detector,
        columns=judged_columns(detector.columns, how.tests),
        reference=judged_reference(detector, how),
        settings=how,
        classes=shown_classes(record.manifest),
        name=_naming(settings, store, detector),
        is_silent=is_shadow,
    )


def _tell_unjudged(settings: Settings, record: DetectorRecord) -> None:
    """Say that predictions are not judged although the settings name their test."""
    wanted = [test.name for test in choose_tests(settings.monitor.tests) if test.reads_labels]
    if wanted and not shown_classes(record.manifest):
        log.info(
            "predictions are not judged (%s): the reference of detector %s has no predicted class, "
            "because the model is no classifier or the detector was fitted by an earlier version",
            *(", ".join(wanted), record.detector),
            extra=action("predictions_not_judged", detector=record.detector),
        )


def judged_reference(detector: Detector, how: MonitorSettings) -> Mapping[str, Counts]:
    """Return each segment's reference windows, with predictions where they are judged."""
    if not n_label_columns(how.tests):
        return detector.reference
    return with_predictions(detector.reference, detector.labels)


def _naming(settings: Settings, store: Store, detector: Detector) -> FaultNaming:
    """Return what names faults; where it never will, say so once."""
    no_evidence = "" if settings.evidence.per_window else NO_EVIDENCE
    if why_not := lacking(detector) or no_evidence:
        log.warning(
            "alerts will not say which fault a change looks like: %s",
            why_not,
            extra=action("faults_not_named"),
        )
    return FaultNaming(store, detector, settings.stream.name)


def build_silence_watch(settings: Settings, store: Store, detector: str) -> SilenceWatch:
    """Return what tells segments that have fallen silent."""
    return SilenceWatch(
        store,
        SilenceSettings(
            stream=settings.stream.name,
            detector=detector,
            silence_after=settings.monitor.silence_after,
            gone_after=settings.monitor.gone_after,
        ),
    )


def build_power_meter(
    settings: Settings, store: Store, detector: str, classes: Sequence[str] = ()
) -> PowerMeter:
    """Return what measures how soon changes would be told; *classes* as in `monitor_settings`."""
    judging = monitor_settings(settings, classes)
    return PowerMeter(store, stream=judging.stream, detector=detector, tests=judging.tests)


def monitor_settings(settings: Settings, classes: Sequence[str] = ()) -> MonitorSettings:
    """Return how windows are judged; *classes* are those of the detector's reference."""
    return MonitorSettings.of(
        settings.monitor,
        stream=settings.stream.name,
        window_seconds=settings.windows.seconds,
        alpha=settings.stream.alpha,
        classes=classes,
    )
