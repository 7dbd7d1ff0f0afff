"""Holds the lease of a retraining while it works."""

from __future__ import annotations

import threading
from types import TracebackType

from driftgauge.storage import Store, StoreUnavailable

from ..errors import RetrainingElsewhere

TTL_SECONDS = 120.0
RENEWED_AFTER_SECONDS = 20.0


def lease_name(stream: str) -> str:
    """Return the name of the lease that one retraining of a stream holds."""
    return f"retraining/{stream}"


def is_free(store: Store, stream: str, holder: str) -> bool:
    """Return whether no process retrains the stream now."""
    if not store.acquire_lease(lease_name(stream), holder, ttl_seconds=1):
        return False
    store.release_lease(lease_name(stream), holder)
    return True


class LeaseKeeper:
    """Takes the lease on entering, renews it in a thread, and gives it back.

    Raises:
        RetrainingElsewhere: on entering: another process retrains the stream.
    """

    def __init__(self, store: Store, stream: str, holder: str) -> None:
        self._store = store
        self._name = lease_name(stream)
        self._holder = holder
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="retraining lease", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        if not self._take():
            raise RetrainingElsewhere
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(RENEWED_AFTER_SECONDS)
        self._store.release_lease(self._name, self._holder)

    def check(self) -> None:
        """Raise RetrainingElsewhere if the lease was lost while this process was held up."""
        if self._lost.is_set():
            raise RetrainingElsewhere

    def _take(self) -> bool:
        return self._store.acquire_lease(self._name, self._holder, ttl_seconds=TTL_SECONDS)

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED_AFTER_SECONDS):
            try:
                if not self._take():
                    self._lost.set()
                    return
            except StoreUnavailable:  # it runs out only if that lasts
                continue
