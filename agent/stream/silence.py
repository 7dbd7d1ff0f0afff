"""A broker that stops answering: a poll does not tell, it just brings nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import SourceUnavailable
from ..log import action

log = logging.getLogger(__name__)


class Silence:
    """Says once when the broker stops answering, and once when it answers again."""

    def __init__(self) -> None:
        self._lasts = False

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Ask the broker within the block."""
        try:
            yield
        except SourceUnavailable as error:
            if not self._lasts:
                log.warning("%s; reading waits for it", error, extra=action("broker_silent"))
            self._lasts = True
            raise
        if self._lasts:
            log.info("the broker answers again", extra=action("broker_answers"))
        self._lasts = False
