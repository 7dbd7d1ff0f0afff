"""The demonstration from beginning to end: it drives the real agent and reads what that wrote."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from driftgauge.storage import Database, Store

from ..errors import AgentError
from ..jobs.jobs import DELIVERY_SECONDS
from ..terminal.printing import print_line
from ..terminal.progress import progress_bars
from .agent_process import AgentProcess, run_to_end
from .broker import EmbeddedBroker
from .faults import Severity
from .inbox import Inbox
from .open_pages import OpenPages
from .outcome import print_outcome
from .plan import WINDOW_SECONDS, Plan, Spans, plan_run
from .publish import Publisher
from .report import DemoOutcome, write_report, write_summary
from .scenes import Camera, folder_cameras, photograph_cameras
from .show import Show
from .verdict import judge_run
from .watch import Snapshot, read_snapshot
from .workspace import REFERENCE_TOPIC, STREAM, TOPIC, Workspace, make_workspace, settings_text

_BATCH = 40
_MAX_AHEAD = 1_500
_REFRESH_SECONDS = 0.5
_STALL_SECONDS = 120
_START_SECONDS = 300
"""The same before the first frame is counted: a busy machine loads PyTorch for minutes."""
_MOST_DELIVERY_SECONDS = 10.0


class DemoStalled(AgentError):
    """The agent stopped counting."""


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
    cameras = folder_cameras(options.images) if options.images else photograph_cameras()
    now = datetime.now(UTC)
    plan = plan_run(
        [camera.name for camera in cameras],
        spans=options.spans,
        severity=options.severity,
        seed=options.seed,
        now=now,
    )
    workspace = make_workspace(options.run_dir, now=now)
    folder = str(workspace.folder)
    print_line("Run folder, not deleted afterwards: ", (folder, "bold"), console=console)
    with EmbeddedBroker(workspace.folder) as broker, Inbox(workspace.webhook_log) as inbox:
        print_line(
            f"In-memory broker, for the demonstration only: {broker.address}", console=console
        )
        text = settings_text(
            workspace,
            broker=broker.address,
            image_size=options.image_size,
            notify={
                "webhook_url": inbox.url,
                "webhook_secret": inbox.secret,
                "max_per_hour": 3600,
                "digest": "never",
            },
        )
        workspace.settings.write_text(text, encoding="utf-8")
        fit_seconds = _fit(workspace, plan, cameras, broker, console)
        run = _Run(
            workspace=workspace,
            plan=plan,
            cameras=cameras,
            broker=broker,
            inbox=inbox,
            console=console,
            fit_seconds=fit_seconds,
        )
        return _finish_with_pages(run) if options.opens_pages else run.finish()


def _finish_with_pages(run: _Run) -> DemoOutcome:
    """Finish the run beside its pages, and leave them up until Ctrl-C."""
    with OpenPages(run.workspace.settings, run.workspace.pages_log) as pages:
        print_line("Pages, live from now on: ", (pages.address, "bold"), console=run.console)
        outcome = run.finish()
        print_line("Pages: ", (pages.address, "bold"), ", until Ctrl-C", console=run.console)
        with suppress(KeyboardInterrupt):
            pages.wait()
    return outcome


def _fit(
    workspace: Workspace,
    plan: Plan,
    cameras: Sequence[Camera],
    broker: EmbeddedBroker,
    console: Console,
) -> float:
    """Send the reference and have ``driftgauge fit`` learn it; return its seconds."""
    broker.create_topic(REFERENCE_TOPIC)
    frames = plan.live_from * len(cameras)
    with (
        Publisher(
            broker.connection(), REFERENCE_TOPIC, plan, cameras, plan.reference()
        ) as publisher,
        progress_bars(console) as progress,
    ):
        task = progress.add_task("Sending normal frames for the reference", total=frames)
        while sent := publisher.send(_BATCH):
            progress.advance(task, sent)
    began = time.monotonic()
    run_to_end(
        [
            *("fit", "--config", str(workspace.settings), "--topic", REFERENCE_TOPIC),
            *("--events", f"{frames}", "--seed", f"{plan.seed}"),
        ]
    )
    return time.monotonic() - began


@dataclass(slots=True, kw_only=True)
class _Run:
    """The live part: publish, watch, judge, report.

    Attributes:
        samples: moments at which the count of messages had grown, and the count.
    """

    workspace: Workspace
    plan: Plan
    cameras: Sequence[Camera]
    broker: EmbeddedBroker
    inbox: Inbox
    console: Console
    fit_seconds: float
    samples: list[tuple[float, int]] = field(default_factory=list)

    def finish(self) -> DemoOutcome:
        """Run to the end and return the outcome."""
        with ExitStack() as stack:
            database = Database(self.workspace.url)  # fit has made its tables
            stack.callback(database.close)
            store = Store(database)
            self._watch(store)
            outcome = self._outcome(store)
            write_summary(self.workspace.summary, outcome)
            write_report(self.workspace.report, outcome, store)
        print_outcome(self.console, outcome)
        return outcome

    def _watch(self, store: Store) -> None:
        """Publish the live stream and show what the agent makes of it, until all is judged."""
        self.broker.create_topic(TOPIC)
        arguments = ["run", "--config", str(self.workspace.settings)]
        live = self.plan.live()
        with (
            AgentProcess(arguments, self.workspace.agent_log) as agent,
            Publisher(self.broker.connection(), TOPIC, self.plan, self.cameras, live) as publisher,
            Show(self.console, self.plan) as show,
        ):
            snapshot = self._look(store, show)
            looked_at = time.monotonic()
            while not self._is_done(snapshot):
                if publisher.sent - snapshot.counted >= _MAX_AHEAD or not publisher.send(_BATCH):
                    time.sleep(_REFRESH_SECONDS / 5)
                if time.monotonic() - looked_at >= _REFRESH_SECONDS:
                    agent.check()
                    snapshot = self._look(store, show)
                    looked_at = time.monotonic()
                    self._check_progress(agent)
            self._wait_for_deliveries(store)

    def _wait_for_deliveries(self, store: Store) -> None:
        """Give the agent the few seconds that it takes to tell the webhook of the last alerts."""
        ends_at = time.monotonic() + _MOST_DELIVERY_SECONDS
        time.sleep(1.5 * DELIVERY_SECONDS)  # it queues them
        while time.monotonic() < ends_at and store.notification_counts(STREAM, ["pending"]):
            time.sleep(_REFRESH_SECONDS)

    def _look(self, store: Store, show: Show) -> Snapshot:
        snapshot = read_snapshot(store, self.plan.cameras)
        if not self.samples or snapshot.counted != self.samples[-1][1]:
            self.samples.append((time.monotonic(), snapshot.counted))
        show.update(snapshot, self._images_per_second())
        return snapshot

    def _is_done(self, snapshot: Snapshot) -> bool:
        last_window = self.plan.time(self.plan.frames) - timedelta(seconds=WINDOW_SECONDS)
        is_judged = snapshot.judged_until is not None and snapshot.judged_until >= last_window
        return snapshot.counted >= self.plan.n_live and is_judged

    def _check_progress(self, agent: AgentProcess) -> None:
        moved_at, counted = self.samples[-1]
        patience = _STALL_SECONDS if counted else _START_SECONDS
        if time.monotonic() - moved_at > patience:
            raise DemoStalled(
                f"the agent has counted {counted} of {self.plan.n_live} frames and nothing new "
                f"for {patience} s; its last log lines:\n{agent.last_words()}",
                hint=f"the full log is in {self.workspace.agent_log}",
            )

    def _images_per_second(self) -> float | None:
        """Return the rate between the first and the last flush that brought images."""
        counting = [sample for sample in self.samples if sample[1] > 0]
        if len(counting) < 2:  # noqa: PLR2004
            return None
        (first_at, first), (last_at, last) = counting[0], counting[-1]
        return (last - first) / (last_at - first_at)

    def _outcome(self, store: Store) -> DemoOutcome:
        speed = self._images_per_second() or 0.0
        settings, database = (
            shlex.quote(_short(path)) for path in (self.workspace.settings, self.workspace.database)
        )
        driftgauge = _command()
        return DemoOutcome(
            plan=self.plan,
            verdict=judge_run(self.plan, store.alerts(STREAM)),
            stream=STREAM,
            images_per_second=speed,
            figures={
                "Frames scored": f"{self.plan.n_live:,}, at {speed:.0f} images a second",
                "Reference frames": f"{self.plan.live_from * len(self.cameras):,}, "
                f"fitted in {self.fit_seconds:.0f} s",
                "Window": f"{WINDOW_SECONDS} s, {WINDOW_SECONDS} frames of a camera",
                "Database": str(self.workspace.database),
            },
            commands=[
                f"{driftgauge} rates --period minute --config {settings}",
                f"{driftgauge} alerts list --all --config {settings}",
                f"sqlite3 -box {database} 'SELECT segment, state, message FROM alert_history'",
            ],
            paths=self.workspace.paths(),
            messages=self.inbox.messages,
        )


def _command() -> str:
    """Return how to call driftgauge from here: by name where the shell finds it."""
    if shutil.which("driftgauge"):
        return "driftgauge"
    return shlex.quote(_short(Path(sys.executable).with_name("driftgauge")))


def _short(path: Path) -> str:
    """Return *path* as seen from this folder if it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
