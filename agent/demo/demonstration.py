"""The demonstration from beginning to end: it drives the real agent and reads what that wrote."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from driftgauge.storage import Database, Store

from .count_rate import speed_in_words
from .faults import Severity
from .live_stream import LiveStream
from .open_pages import finish_with_pages
from .outcome import print_outcome
from .plan import WINDOW_SECONDS, Spans, plan_run
from .report import DemoOutcome, write_report, write_summary
from .stage import Stage, cameras_of, set_stage, short_path
from .verdict import judge_run
from .watch import Snapshot
from .workspace import STREAM


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line decides.

    Attributes:
        images: a folder with a sub-folder a camera; None uses photographs from wheels.
        run_dir: None names one after the time.
        image_size: side of the images that the model sees, in pixels.
        opens_pages: show the run in a browser while it goes on, and afterwards until Ctrl-C.
    """

    seed: int = 0
    severity: Severity = "mild"
    images: Path | None = None
    run_dir: Path | None = None
    image_size: int = 160
    opens_pages: bool = False
    spans: Spans = field(default_factory=Spans)


def run_demo(options: DemoOptions, console: Console) -> DemoOutcome:
    """Run everything, print as it goes, and return what came out.

    Raises:
        SettingsError: the options or the installation do not allow a run.
        BrokerNotStarted: the embedded broker did not come up.
        AgentProcessEnded: the agent failed; the message has its last words.
        DemoStalled: the agent counted nothing for two minutes.
    """
    cameras = cameras_of(options.images)
    now = datetime.now(UTC)
    plan = plan_run(
        [camera.name for camera in cameras],
        spans=options.spans,
        severity=options.severity,
        seed=options.seed,
        now=now,
    )
    with set_stage(
        plan, cameras, console, run_dir=options.run_dir, image_size=options.image_size, now=now
    ) as stage:
        run = _Run(stage)
        return finish_with_pages(run.finish, stage) if options.opens_pages else run.finish()


class _Run:
    """The live part: publish, watch, judge, report."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._plan = stage.plan

    def finish(self) -> DemoOutcome:
        """Run to the end and return the outcome."""
        workspace = self._stage.workspace
        with closing(Database(workspace.url)) as database:  # fit has made its tables
            store = Store(database)
            with LiveStream(self._stage, store) as live:
                live.until(self._is_done)
                live.wait_for_deliveries()
            outcome = self._outcome(store, live.images_per_second)
            write_summary(workspace.summary, outcome)
            write_report(workspace.report, outcome, store)
        print_outcome(self._stage.console, outcome)
        return outcome

    def _is_done(self, snapshot: Snapshot) -> bool:
        last_window = self._plan.time(self._plan.frames) - timedelta(seconds=WINDOW_SECONDS)
        is_judged = snapshot.judged_until is not None and snapshot.judged_until >= last_window
        return snapshot.counted >= self._plan.n_live and is_judged

    def _outcome(self, store: Store, speed: float | None) -> DemoOutcome:
        stage, plan = self._stage, self._plan
        database = shlex.quote(short_path(stage.workspace.database))
        return DemoOutcome(
            plan=plan,
            verdict=judge_run(plan, store.alerts(STREAM)),
            stream=STREAM,
            images_per_second=speed,
            figures={
                "Frames scored": f"{plan.n_live:,}; speed: {speed_in_words(speed)}",
                "Reference frames": f"{plan.live_from * len(stage.cameras):,}, "
                f"fitted in {stage.fit_seconds:.0f} s",
                "Window": f"{WINDOW_SECONDS} s, {WINDOW_SECONDS} frames of a camera",
                "Database": str(stage.workspace.database),
            },
            commands=[
                stage.command("rates --period minute"),
                stage.command("alerts list --all"),
                f"sqlite3 -box {database} 'SELECT segment, state, message FROM alert_history'",
            ],
            paths=stage.workspace.paths(),
            messages=stage.inbox.messages,
        )
