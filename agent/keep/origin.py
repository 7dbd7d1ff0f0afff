"""What taps are of: those of another model, or of other layers, are never mixed with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from driftgauge.detector import ModelIdentity


def tap_origin(identity: ModelIdentity, channels: Mapping[str, int]) -> str:
    """Return a name for taps of these *channels* by layer, of that model."""
    told = json.dumps([asdict(identity), dict(channels)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
