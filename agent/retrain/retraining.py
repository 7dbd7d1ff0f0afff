"""One attempt to retrain: sorted out, fitted, checked and registered; told in the database throughout."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftgauge.detector import Detector, Progress
from driftgauge.storage import GateCheck, KeptRun, RetrainingRecord, Store

from ...errors import DriftgaugeError
from ..errors import RetrainingElsewhere
from ..keep.shard_folder import ShardFolder
from ..log import action
from .approvals import Approval, read_approvals
from .basis import Basis, read_basis
from .candidate import HOLD_OUT_ONE_IN, GateInput, first_one_in, held_out_runs
from .carried import read_predictions, with_carried_classes
from .cool_down import why_not_now
from .first_gate import check_first
from .fitting import Fitting, files_beside, fit_candidate, register_candidate, save_candidate
from .gate import GateBounds, check_candidate, refusal
from .kept_material import put_aside, read_material, why_too_little
from .lease_keeper import LeaseKeeper
from .material import Material, MaterialSettings
from .new_model import planned_model
from .reach import KeepBounds
from .taps_sample import TapsSample, read_sample

log = logging.getLogger(__name__)

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingSettings:
    """What a retraining needs to know of its stream.

    Attributes:
        folder: of all detectors.
        calibrate_by: as for a fit.
        cool_down: none so soon after one that passed.
        shadow: how long a candidate that passes scores beside the active detector; zero for not at all.
        kept: what the upkeep leaves to learn from.
    """

    stream: str
    folder: Path
    window_seconds: int
    calibrate_by: str
    cool_down: timedelta
    shadow: timedelta
    material: MaterialSettings
    kept: KeepBounds
    bounds: GateBounds


class Retraining:
    """Retrains one stream. One at a time: the lease is held throughout.

    Args:
        holder: this process's name, which no other has.
        tell: receives the step and the share that is done.
    """

    def __init__(
        self,
        store: Store,
        folder: ShardFolder,
        settings: RetrainingSettings,
        *,
        holder: str,
        tell: Tell = lambda step, share: None,
    ) -> None:
        self._store = store
        self._folder = folder
        self._settings = settings
        self._holder = holder
        self._tell = tell

    def attempts(self) -> list[RetrainingRecord]:
        """Return the stream's attempts, newest first."""
        return self._store.retrainings.all(self._settings.stream)

    def checks(self, record: RetrainingRecord) -> list[GateCheck]:
        """Return the checks of one of them."""
        return self._store.retrainings.checks(record.id)

    def look(self, *, ignores_cool_down: bool = False) -> tuple[Material, str]:
        """Return what would be learnt from, and why it would be refused now; change nothing."""
        basis = read_basis(self._store, self._settings.stream)
        material = self._material(self._store.clock(), basis)
        why = "" if ignores_cool_down else self._cooling()
        return material, why or self._shortage(material, self._settings.material, basis)

    def run(
        self,
        *,
        trigger: str,
        by: str,
        ignores_cool_down: bool = False,
        accepts_learnt: bool = False,
    ) -> RetrainingRecord:
        """Do all of it, or go on with what a killed process left.

        Args:
            trigger: ``schedule`` or ``person``.
            by: who asked for it.
            ignores_cool_down: whether it may follow soon after one that passed.
            accepts_learnt: whether *by* says that what was called normal is so even where it looks like a fault.

        Raises:
            RetrainingElsewhere: another process retrains the stream.
            RetrainingImpossible: the stream has no active detector.
        """
        with LeaseKeeper(self._store, self._settings.stream, self._holder) as lease:
            basis = read_basis(self._store, self._settings.stream)
            record = self._begun(basis, trigger=trigger, by=by, accepts_learnt=accepts_learnt)
            try:
                model = planned_model(record)
                why = "" if ignores_cool_down or model else self._cooling()
                if why:
                    return self._refused(record, why)
                return self._attempt(record, basis.for_model(model) if model else basis, lease)
            except RetrainingElsewhere:
                raise
            except DriftgaugeError as error:
                if error.retryable:
                    raise
                return self._failed(record, error)

    def _begun(
        self, basis: Basis, *, trigger: str, by: str, accepts_learnt: bool
    ) -> RetrainingRecord:
        """Return the attempt that was killed, if its detector is still active, else a new one."""
        stream, now = self._settings.stream, self._store.clock()
        for record in self._store.retrainings.all(stream):
            if record.state != "running":
                continue
            if record.basis == basis.name:
                log.info(
                    "going on with retraining %s, which was interrupted at %r",
                    *(record.id, record.step),
                    extra=action("retraining_resumed", retraining=record.id),
                )
                return record
            words = "it was interrupted, and another detector is active now"
            self._store.retrainings.finish(record.id, "failed", reason=words)
        plan = {
            "until": now.isoformat(),
            "seed": 0,
            "shadow_seconds": self._settings.shadow.total_seconds(),
            "accepts_learnt": accepts_learnt,
        }
        return self._store.retrainings.begin(
            stream, trigger=trigger, by=by, basis=basis.name, plan=plan
        )

    def _attempt(
        self, record: RetrainingRecord, basis: Basis, lease: LeaseKeeper
    ) -> RetrainingRecord:
        until = datetime.fromisoformat(record.plan["until"])
        material = self._material(until, basis)
        put_aside(self._store, self._settings.stream, material)
        figures = _jsonable(material.figures())
        needs = self._settings.material
        if basis.new_model is not None:  # all of it is new
            needs = replace(needs, min_new_events=0)
        if why := self._shortage(material, needs, basis):
            return self._refused(record, why, figures)
        self._note(record, lease, "reading kept taps", 0.0)
        sample = self._read(material.learnt, basis)
        if sample is None or len(sample) < self._settings.material.min_events:
            n = 0 if sample is None else len(sample)
            whose = "the model that runs" if basis.new_model else f"the model of {basis.name}"
            why = (
                f"too little traffic: {n} kept events of {whose} can be read, "
                f"{self._settings.material.min_events} wanted"
            )
            return self._refused(record, why, figures)
        one_in = HOLD_OUT_ONE_IN
        if basis.new_model is not None:
            one_in = first_one_in(len(np.unique(sample.run_ids)))
        held = held_out_runs(sample.run_ids, one_in)
        learnt = sample.part(np.flatnonzero(~held))
        candidate = self._fit(record, basis, learnt, lease)
        self._note(record, lease, "checking the candidate", 0.9)
        real = self._read(material.real, basis)
        checks = self._checks(record, basis, candidate, sample, held=held, real=real)
        name = save_candidate(
            candidate,
            basis,
            self._settings.folder,
            record=record,
            figures=figures,
            alpha=self._settings.material.alpha,
            beside=files_beside(candidate, basis, learnt, self._settings.window_seconds),
        )
        return self._finished(record, candidate, name, checks, figures=figures)

    def _checks(
        self,
        record: RetrainingRecord,
        basis: Basis,
        candidate: Detector,
        sample: TapsSample,
        *,
        held: NDArray[np.bool_],
        real: TapsSample | None,
    ) -> list[GateCheck]:
        seen = GateInput(
            candidate=candidate,
            basis=basis.detector,
            accepted=sample,
            fresh=sample.part(np.flatnonzero(held)),
            real=real,
            anchor=basis.anchor(),
            probes=basis.probes(),
            alpha=self._settings.material.alpha,
            approvals=self._approvals(),
            accepts_learnt=bool(record.plan.get("accepts_learnt")),
        )
        check = check_first if basis.new_model else check_candidate
        return check(seen, self._settings.bounds)

    def _fit(
        self, record: RetrainingRecord, basis: Basis, learnt: TapsSample, lease: LeaseKeeper
    ) -> Detector:
        def on_progress(progress: Progress) -> None:
            share = progress.done / max(progress.total, 1)
            self._note(record, lease, "training the denoiser", 0.1 + 0.8 * share)

        settings = self._settings
        fitting = Fitting(
            seed=int(record.plan["seed"]),
            window_seconds=settings.window_seconds,
            calibrate_by=settings.calibrate_by,
            checkpoint=self._work_folder(record) / "training.safetensors",
        )
        candidate = fit_candidate(basis, learnt, fitting, on_progress)
        predictions = read_predictions(
            self._store, settings.stream, basis, learnt.run_ids, settings.material.run
        )
        return with_carried_classes(candidate, basis, learnt, predictions, settings.window_seconds)

    def _finished(
        self,
        record: RetrainingRecord,
        candidate: Detector,
        name: str,
        checks: list[GateCheck],
        *,
        figures: dict[str, Any],
    ) -> RetrainingRecord:
        why, folder = refusal(checks), self._settings.folder / name
        state = "refused" if why else "passed"
        register_candidate(self._store, candidate, folder, record=record, why=why)
        finished = self._store.retrainings.finish(
            record.id, state, reason=why, candidate=name, figures=figures, checks=checks
        )
        shutil.rmtree(self._work_folder(record), ignore_errors=True)
        log.info(
            "retraining %s made detector %s, which its gate %s%s",
            *(record.id, name, state, f": {why}" if why else ""),
            extra=action("retraining_ended", retraining=record.id, state=state, candidate=name),
        )
        return finished

    def _refused(
        self, record: RetrainingRecord, why: str, figures: dict[str, Any] | None = None
    ) -> RetrainingRecord:
        log.warning(
            "retraining %s is refused: %s",
            *(record.id, why),
            extra=action("retraining_refused", retraining=record.id),
        )
        shutil.rmtree(self._work_folder(record), ignore_errors=True)
        return self._store.retrainings.finish(record.id, "refused", reason=why, figures=figures)

    def _failed(self, record: RetrainingRecord, error: DriftgaugeError) -> RetrainingRecord:
        log.error(
            "retraining %s failed: %s",
            *(record.id, error),
            extra=action("retraining_failed", retraining=record.id),
        )
        return self._store.retrainings.finish(record.id, "failed", reason=str(error))

    def _note(self, record: RetrainingRecord, lease: LeaseKeeper, step: str, share: float) -> None:
        lease.check()
        self._store.retrainings.note_progress(record.id, step, share)
        self._tell(step, share)

    def _material(self, until: datetime, basis: Basis) -> Material:
        settings = self._settings
        return read_material(self._store, settings.stream, basis, settings.material, until=until)

    def _shortage(self, material: Material, needs: MaterialSettings, basis: Basis) -> str:
        settings = self._settings
        return why_too_little(
            self._store, settings.stream, basis, material, needs, bounds=settings.kept
        )

    def _approvals(self) -> list[Approval]:
        stream = self._settings.stream
        return read_approvals(
            self._store.alerts(stream),
            self._store.retrainings.reviews(stream),
            self._settings.material.run,
        )

    def _read(self, runs: list[KeptRun], basis: Basis) -> TapsSample | None:
        stream = self._settings.stream
        return read_sample(self._store.kept, self._folder, stream, runs, origin=basis.origin)

    def _cooling(self) -> str:
        return why_not_now(self._store, self._settings.stream, self._settings.cool_down)

    def _work_folder(self, record: RetrainingRecord) -> Path:
        return self._settings.folder / f".retraining-{record.id}"


def _jsonable(figures: dict[str, object]) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in figures.items()
    }
