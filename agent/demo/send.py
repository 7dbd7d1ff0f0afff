"""Sends the demonstration's frames to a broker of your own, to try out an installation from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import SettingsError
from ..stream.connection import KafkaConnection
from ..stream.topic import ensure_topics
from .faults import Fault, FaultKind, Severity
from .plan import Plan, PlannedFault, Spans
from .publish import Publisher
from .scenes import Camera

_BATCH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What the cameras film.

    Attributes:
        frames: of each camera; one frame is one second on the cameras' clock.
        fault: what goes wrong, from frame *fault_after* to the last; None is nothing.
        camera: the camera with the fault; None is the first one.
        seed: another seed is another day: other jitter, noise and dirt.
    """

    frames: int
    fault: FaultKind | None = None
    fault_after: int = 0
    camera: str | None = None
    severity: Severity = "plain"
    seed: int = 0


def send_frames(
    connection: KafkaConnection,
    topic: str,
    cameras: Sequence[Camera],
    scenario: Scenario,
    *,
    now: datetime,
) -> int:
    """Send the scenario's frames to *topic*, which is created if it is missing; return how many.

    The last frame is dated *now*, the others before it.

    Raises:
        SettingsError: no camera has the scenario's name.
        SourceUnavailable: the broker cannot be reached, or refuses.
    """
    plan = scenario_plan([camera.name for camera in cameras], scenario, now=now)
    ensure_topics(connection, {topic: -1})
    with Publisher(connection, topic, plan, cameras, plan.live()) as publisher:
        while publisher.send(_BATCH):
            pass
        return publisher.sent


def scenario_plan(cameras: Sequence[str], scenario: Scenario, *, now: datetime) -> Plan:
    """Return the scenario as the demonstration's plan, with one fault or none."""
    return Plan(
        cameras=tuple(cameras),
        faults=_faults(cameras, scenario),
        spans=Spans(reference=0),
        severity=scenario.severity,
        seed=scenario.seed,
        starts_at=now - timedelta(seconds=scenario.frames - 1),
        frames=scenario.frames,
    )


def _faults(cameras: Sequence[str], scenario: Scenario) -> tuple[PlannedFault, ...]:
    camera = scenario.camera or cameras[0]
    if camera not in cameras:
        raise SettingsError(f"no camera is named {camera!r}; there are {', '.join(cameras)}")
    if scenario.fault is None:
        return ()
    fault = Fault(scenario.fault, scenario.severity, scenario.fault_after, scenario.frames)
    return (PlannedFault(camera, fault),)
