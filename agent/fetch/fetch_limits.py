"""The defaults of what a fetch may cost, in one place."""

from __future__ import annotations

MAX_FETCHED_BYTES = 32 * 1024 * 1024
FETCH_TIMEOUT_SECONDS: float = 5
FETCH_TRIES = 3
