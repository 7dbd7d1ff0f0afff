"""What is examined, and what checks have found out for those after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..settings.load import Settings
from ..stream.cluster_view import ClusterView

if TYPE_CHECKING:
    from driftgauge.storage import Database, DetectorRecord

    from ..model.load import LoadedModel
    from ..ports import Record


@dataclass(slots=True)
class Patient:
    """The settings of one stream and, check by check, what they lead to.

    A check reads only what the checks that it needs have set.
    """

    settings: Settings
    cluster: ClusterView | None = None
    records: Sequence[Record] = ()
    headers: dict[str, int] = field(default_factory=dict)
    database: Database | None = None
    detector: DetectorRecord | None = None
    model: LoadedModel | None = None

    def close(self) -> None:
        """Close the database if a check has opened it."""
        if self.database is not None:
            self.database.close()
