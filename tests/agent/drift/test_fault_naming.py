"""The fault behind an alert, named from what any agent kept of its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from driftgauge.agent.drift.fault_naming import FaultNaming
from driftgauge.detector import FROZEN, Traits
from driftgauge.storage import EvidenceRecord, Store

from ...detector.fault_samples import damaged, naming_detector, pictures, traits
from ...detector.models import fit_quickly
from ...stores import START, STREAM, advance, evidence, flush

pytest.importorskip("skimage")
SEGMENT = "camera=3"
FAULT_AT = START + timedelta(minutes=30)
UNTIL = FAULT_AT + timedelta(minutes=10)
LAYERS = naming_detector().layers


def kept(seen: Traits, kind: str, *, at: datetime, first: int) -> list[EvidenceRecord]:
    return [
        evidence(
            first + n,
            segment=SEGMENT,
            kind=kind,
            window_start=at + timedelta(minutes=n),
            event_time=at + timedelta(minutes=n),
            layer_p_values=dict.fromkeys(LAYERS, 0.5),
            pixels=numbers.astype("<f4").tobytes(),
        )
        for n, numbers in enumerate(numbers_of(seen))
    ]


def numbers_of(seen: Traits) -> NDArray[np.float64]:
    """Return what evidence keeps of pictures."""
    return seen.pixels if seen.cells is None else np.concatenate([seen.pixels, seen.cells], axis=1)


def write(store: Store, *parts: Sequence[EvidenceRecord]) -> None:
    """Write each part as an agent of its own would: with a partition of its own."""
    for partition, records in enumerate(parts):
        own = [replace(one, partition=partition) for one in records]
        store.flush(flush(advance(None, 100, partition=partition), evidence=own))


def normal() -> list[EvidenceRecord]:
    return kept(traits(pictures(1, 8)), "typical", at=START, first=0)


def unusual(kind: str) -> list[EvidenceRecord]:
    return kept(damaged(pictures(1, 8), kind, seed=7), "unusual", at=FAULT_AT, first=50)


def test_the_fault_of_an_alert_is_named_from_what_two_agents_kept(store: Store) -> None:
    write(store, [*normal(), *unusual("darkness")[::2]], unusual("darkness")[1::2])
    claim = FaultNaming(store, naming_detector(), STREAM)(SEGMENT, FAULT_AT, UNTIL)
    assert claim.faults[0]["fault"] == "darkness"
    assert claim.told.startswith("looks like: darkness ")
    assert claim.told == claim.words


def test_another_agent_names_the_same_after_a_restart(store: Store) -> None:
    write(store, [*normal(), *unusual("haze")])
    first, second = (FaultNaming(store, naming_detector(), STREAM) for _ in range(2))
    assert first(SEGMENT, FAULT_AT, UNTIL) == second(SEGMENT, FAULT_AT, UNTIL)


def test_pictures_of_other_times_and_segments_are_left_out(store: Store) -> None:
    write(store, [*normal(), *unusual("darkness")])
    name = FaultNaming(store, naming_detector(), STREAM)
    assert name(SEGMENT, UNTIL, UNTIL + timedelta(hours=1)).words.endswith(
        "no picture of the change was kept"
    )
    assert name("camera=4", FAULT_AT, UNTIL).faults == []


def test_the_same_picture_again_and_again_is_frozen(store: Store) -> None:
    one = traits(pictures(1, 1) * 6)
    write(store, [*normal(), *kept(one, "unusual", at=FAULT_AT, first=50)])
    claim = FaultNaming(store, naming_detector(), STREAM)(SEGMENT, FAULT_AT, UNTIL)
    assert [fault["fault"] for fault in claim.faults] == [FROZEN]


def test_the_light_of_cells_is_looked_at_where_it_was_kept(store: Store) -> None:
    faults = naming_detector().faults
    assert faults is not None
    changed, usual = damaged(pictures(1, 8), "dirt", seed=7), traits(pictures(1, 8))
    write(store, [*kept(usual, "typical", at=START, first=0), *unusual("dirt")])
    claim = FaultNaming(store, naming_detector(), STREAM)(SEGMENT, FAULT_AT, UNTIL)
    assert claim.words == str(faults.names(changed, usual))
    assert claim.words != str(faults.names(changed.without_cells(), usual.without_cells()))


def test_pictures_that_a_version_before_kept_without_cells_are_named_all_the_same(
    store: Store,
) -> None:
    before = kept(traits(pictures(1, 8)).without_cells(), "typical", at=START, first=0)
    write(store, [*before, *unusual("darkness")])
    claim = FaultNaming(store, naming_detector(), STREAM)(SEGMENT, FAULT_AT, UNTIL)
    assert claim.faults[0]["fault"] == "darkness"


def test_what_another_detector_kept_is_not_looked_at(store: Store) -> None:
    other = [replace(one, layer_p_values={"other": 0.1}) for one in unusual("darkness")]
    short = [replace(one, pixels=b"1234", offset=one.offset + 20) for one in unusual("darkness")]
    write(store, [*normal(), *other, *short])
    claim = FaultNaming(store, naming_detector(), STREAM)(SEGMENT, FAULT_AT, UNTIL)
    assert claim.words == "fault not named: no picture of the change was kept"
    assert claim.told == ""


def test_sent_taps_have_no_pictures_to_name_a_fault_by_and_the_alert_says_so(store: Store) -> None:
    write(store, [*normal(), *unusual("darkness")])
    claim = FaultNaming(store, fit_quickly(), STREAM)(SEGMENT, FAULT_AT, UNTIL)
    assert claim.words.startswith("fault not named: the detector does not score the pictures' own")
    assert (claim.told, claim.faults) == ("", [])
