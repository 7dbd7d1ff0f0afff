"""An agent without a detector for its model: it reads on, and keeps the model's taps for a first one."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from driftgauge.storage import Store

from ..clock import SystemClock
from ..events.tap_vectors import TapOrigin, TapsWanted
from ..fit.fit import choose_taps
from ..keep.upkeep import KeptUpkeep
from ..loop.loop import AgentLoop
from ..model.reader import LayerReader
from ..model.tap_reader import NO_DETECTOR, TapReader
from ..retrain.new_model import NewModel
from ..settings.load import Settings
from ..telemetry import Metrics
from .agent import build_ends
from .decode import build_decode_ports
from .keep import build_keep, build_kept_upkeep
from .loop import build_loop_settings
from .model import build_model, chosen_layers


@dataclass(frozen=True, slots=True)
class TapsAgent:
    """What keeps taps of the new model.

    Attributes:
        upkeep: keeps what is kept within its bounds; None where none is kept.
    """

    loop: AgentLoop
    model: NewModel
    upkeep: KeptUpkeep | None


def build_taps_agent(
    settings: Settings,
    store: Store,
    *,
    stop: threading.Event,
    metrics: Metrics,
    accept_new_topic: bool = False,
) -> TapsAgent:
    """Build what reads the stream with the model that the settings name, and scores nothing.

    The taps are those that `driftgauge fit` would choose.

    Raises:
        SettingsError, DetectorError, StorageError, SourceUnavailable: with what to do.
    """
    loaded = build_model(settings)
    layouts = LayerReader(loaded, chosen_layers(settings, loaded)).try_out().layouts
    reader = TapReader(loaded, choose_taps(layouts, None, has_pixels=settings.detector.pixels))
    channels = reader.channels()
    identity = loaded.identity
    model = NewModel(identity, channels)
    wanted = TapsWanted(
        TapOrigin(identity.weights, identity.preprocessing, identity.precision), channels
    )
    keep = build_keep(settings, store, name=NO_DETECTOR, identity=identity, channels=channels)
    source, dead_letters = build_ends(settings, store, accept_new_topic=accept_new_topic)
    loop = AgentLoop(
        source=source,
        dead_letters=dead_letters,
        scorer=reader,
        store=store,
        clock=SystemClock(),
        settings=build_loop_settings(settings, wanted, keep),
        stop=stop,
        ports=build_decode_ports(settings),
        listener=metrics.hear,
    )
    return TapsAgent(loop, model, build_kept_upkeep(settings, store))
