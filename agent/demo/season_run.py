"""``driftgauge demo --season``: the light of all cameras moves, a new detector is fitted, checked and promoted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from driftgauge.storage import (
    Database,
    GateCheck,
    RetrainingRecord,
    Store,
    TrialRecord,
)

from ..terminal.gate_table import print_checks
from ..terminal.printing import print_line
from .agent_process import AgentProcess, AgentProcessEnded, run_quietly
from .live_stream import LiveStream
from .open_pages import finish_with_pages
from .plan import SeasonSpans, plan_season
from .season_outcome import SeasonOutcome, print_season, season_rates, write_season_summary
from .stage import Stage, cameras_of, set_stage
from .watch import Snapshot
from .workspace import STREAM

_REFUSED = 3
"""Exit code of `driftgauge retrain` where the candidate was refused."""

_WORD = "the frames show another season, and that is normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonOptions:
    """What the command line decides; as for `DemoOptions`.

    Attributes:
        settings: sections of the agent's settings, in place of those of this run.
        fit_arguments: of the command line that fits the first detector.
    """

    seed: int = 0
    images: Path | None = None
    run_dir: Path | None = None
    image_size: int = 160
    opens_pages: bool = False
    spans: SeasonSpans = field(default_factory=SeasonSpans)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    fit_arguments: Sequence[str] = ()


def run_season(options: SeasonOptions, console: Console) -> SeasonOutcome:
    """Run everything, print as it goes, and return what came out.

    Raises:
        SettingsError: the options or the installation do not allow a run.
        BrokerNotStarted: the embedded broker did not come up.
        AgentProcessEnded: the agent or the retraining failed; the message has its last words.
        DemoStalled: the agent counted nothing for two minutes.
    """
    cameras = cameras_of(options.images)
    now = datetime.now(UTC)
    plan = plan_season(
        [camera.name for camera in cameras], spans=options.spans, seed=options.seed, now=now
    )
    with set_stage(
        plan,
        cameras,
        console,
        run_dir=options.run_dir,
        image_size=options.image_size,
        now=now,
        settings=_settings(options.spans, len(cameras), options.settings),
        fit_arguments=options.fit_arguments,
    ) as stage:
        run = _SeasonRun(stage, options.spans)
        return finish_with_pages(run.finish, stage) if options.opens_pages else run.finish()


def _settings(
    spans: SeasonSpans, n_cameras: int, further: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[str, object]]:
    """Keep every run of two windows, and retrain on what minutes bring, not weeks."""
    moved = (spans.moving + spans.moved) * n_cameras
    own: dict[str, dict[str, object]] = {
        "keep": {"windows_per_run": 2, "runs_per_day": 10_000},
        "retrain": {
            "shadow": f"{spans.shadow_seconds} seconds" if spans.shadow_seconds else "0",
            "min_events": max(400, moved // 2),
            "min_new_events": max(0, moved // 2),
        },
    }
    return {name: {**own.get(name, {}), **further.get(name, {})} for name in {**own, **further}}


class _SeasonRun:
    """The live part: the season moves, a detector is retrained, tried and promoted, the stream goes on."""

    def __init__(self, stage: Stage, spans: SeasonSpans) -> None:
        self._stage = stage
        self._plan = stage.plan
        self._spans = spans
        self._accepted: set[int] = set()

    def finish(self) -> SeasonOutcome:
        """Run to the end and return the outcome."""
        workspace = self._stage.workspace
        with closing(Database(workspace.url)) as database:  # fit has made its tables
            store = Store(database)
            first = self._active(store)
            with LiveStream(self._stage, store) as live:
                retraining, checks, trial = self._play(live, store)
            outcome = SeasonOutcome(
                plan=self._plan,
                retraining=retraining,
                checks=checks,
                trial=trial,
                rates=season_rates(store, self._plan, first, self._active(store)),
                sent=live.sent,
                counted=store.event_counts(STREAM).get("*", 0),
                images_per_second=live.images_per_second,
                commands=self._commands(retraining),
                paths=workspace.paths(),
            )
        write_season_summary(workspace.summary, outcome)
        print_season(self._stage.console, outcome)
        return outcome

    def _play(
        self, live: LiveStream, store: Store
    ) -> tuple[RetrainingRecord, list[GateCheck], TrialRecord | None]:
        spans, n_cameras = self._spans, len(self._plan.cameras)
        enough = (spans.normal + spans.moving + spans.moved) * n_cameras
        live.until(lambda snapshot: snapshot.counted >= enough)
        retraining = self._retrain(live, store)
        checks = store.retrainings.checks(retraining.id)
        print_checks(f"The gate of candidate {retraining.candidate}", checks, console=self._console)
        trial = self._try_out(live, store, retraining) if retraining.state == "passed" else None
        live.note = "no frame is sent any more"
        live.until(lambda snapshot: snapshot.counted >= live.sent, sends=False)
        live.wait_for_deliveries()
        return retraining, checks, trial

    def _retrain(self, live: LiveStream, store: Store) -> RetrainingRecord:
        """Retrain beside the stream, which goes on, in the process that a person would start."""
        self._say("A detector is retrained from the taps that the agent kept: driftgauge retrain")
        look = self._accepting(store)
        arguments = ["retrain", "--wait", "--config", str(self._stage.workspace.settings)]
        live.until(lambda snapshot: True, look=look)  # what is accepted now is learnt
        with AgentProcess(arguments, self._stage.workspace.retraining_log) as process:

            def watch(snapshot: Snapshot) -> None:
                look(snapshot)
                newest = store.retrainings.all(STREAM, limit=1)
                if newest and newest[0].state == "running":
                    live.note = f"retraining: {newest[0].step}, {newest[0].share:.0%}"

            live.until(lambda snapshot: process.code() is not None, look=watch)
            if process.code() not in (0, _REFUSED):
                raise AgentProcessEnded(f"`driftgauge retrain` failed:\n{process.last_words()}")
        live.note = ""
        record = store.retrainings.all(STREAM, limit=1)[0]
        self._say(f"Retraining {record.id}: {record.state}. {record.reason}")
        return record

    def _try_out(
        self, live: LiveStream, store: Store, retraining: RetrainingRecord
    ) -> TrialRecord | None:
        """Let the candidate score beside the active detector until it is promoted or refused."""
        name = retraining.candidate or ""
        if self._spans.shadow_seconds:
            live.note = f"detector {name} scores beside the active one"
        look = self._accepting(store)

        def is_decided(snapshot: Snapshot) -> bool:
            record = store.versions.get(STREAM, name)
            return record is not None and record.status in ("active", "refused")

        live.until(is_decided, look=look)
        trial = next((one for one in store.trials.all(STREAM) if one.detector == name), None)
        if trial is not None:
            checks = store.trials.checks(trial.id)
            print_checks(f"The trial of {name}", checks, console=self._console)
        if self._active(store) != name:
            return trial
        self._say(f"Detector {name} is promoted; the agent changes to it between two batches")
        live.note = f"detector {name} scores"
        wanted = self._spans.after * len(self._plan.cameras)
        live.until(lambda snapshot: _scored_by(store, name) >= wanted, look=look)
        return trial

    def _accepting(self, store: Store) -> Callable[[Snapshot], None]:
        """Return what a person does who looks at each alert of the season: call it normal."""

        def look(snapshot: Snapshot) -> None:
            new = [
                alert.id
                for alert in snapshot.alerts
                if alert.id is not None and alert.id not in self._accepted and not alert.verdict
            ]
            if new:
                self._accepted.update(new)
                self._accept(new)

        return look

    def _accept(self, numbers: list[int]) -> None:
        settings = str(self._stage.workspace.settings)
        words = ["alerts", "accept", *map(str, numbers), "--note", _WORD]
        run_quietly([*words, "--config", settings])
        self._say(f"A person looks, and calls it normal: driftgauge {' '.join(words[:-2])}")

    def _active(self, store: Store) -> str:
        record = store.active_detector(STREAM)
        return record.detector if record else ""

    def _commands(self, retraining: RetrainingRecord) -> dict[str, str]:
        stage = self._stage
        return {
            "Go back to the detector before": stage.command("detectors rollback"),
            "All versions": stage.command("detectors list"),
            "This one, its gate and its trial": stage.command(
                f"detectors show {retraining.candidate}"
            ),
            "A page with rates and frames": stage.command("report --since '3 hours'"),
        }

    def _say(self, words: str) -> None:
        print_line((words, "bold"), console=self._console)

    @property
    def _console(self) -> Console:
        return self._stage.console


def _scored_by(store: Store, detector: str) -> int:
    """Return how many frames are counted under *detector*."""
    rows = store.rates(STREAM, period="window", segment="*")
    return sum(row.events for row in rows if row.detector == detector)
