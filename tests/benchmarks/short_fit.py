"""A detector of two photographed cameras, trained for a moment: for benchmarks that need any real one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from driftgauge.agent.demo.frames import frame
from driftgauge.agent.demo.scenes import photograph_cameras
from driftgauge.agent.events.image import ImageSettings, decode_image
from driftgauge.agent.fit.fit import choose_taps
from driftgauge.agent.model.load import LoadedModel
from driftgauge.agent.model.reader import LayerReader
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.wiring.model import build_model, chosen_layers
from driftgauge.detector import Detector, Training, fit_detector

N_REFERENCE, BATCH = 128, 16


@dataclass(frozen=True, slots=True)
class ShortFit:
    """What the reference pictures gave; taps ``(n, channels)``, and the segments of each picture."""

    loaded: LoadedModel
    taps: dict[str, Tensor]
    segments: list[tuple[str]]

    @classmethod
    def read(cls, settings: Settings) -> ShortFit:
        """Run the pictures of both cameras through the model of *settings*."""
        loaded = build_model(settings)
        layouts = LayerReader(loaded, chosen_layers(settings, loaded)).try_out().layouts
        reader = LayerReader(loaded, choose_taps(layouts, None, has_pixels=True))
        cameras = photograph_cameras()[:2]
        shots = [(camera, index) for index in range(N_REFERENCE) for camera in cameras]
        pictures = [
            decode_image(frame(camera, index, seed=1), ImageSettings(max_pixels=10**6))
            for camera, index in shots
        ]
        read = [reader.read(pictures[at : at + BATCH]).taps for at in range(0, len(shots), BATCH)]
        taps = {name: torch.cat([part[name] for part in read]) for name in read[0]}
        return cls(loaded, taps, [(f"camera={camera.name}",) for camera, _ in shots])

    def fit(self, seed: int = 0) -> Detector:
        """Train for a moment."""
        return fit_detector(
            self.taps,
            window_ids=np.arange(len(self.segments)) // BATCH,
            segments=self.segments,
            training=Training(n_epochs=1, min_steps=60),
            seed=seed,
        )
