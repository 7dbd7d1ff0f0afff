"""What an incident says, and how sure an alert is."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from driftgauge.agent.alert.certainty import certainty
from driftgauge.agent.alert.incident_wording import incident_message, incident_subject
from driftgauge.storage import IncidentRecord

from ...stores import START, STREAM, alert


def incident(**more: Any) -> IncidentRecord:
    values: dict[str, Any] = {
        "id": 4,
        "stream": STREAM,
        "state": "open",
        "severity": "critical",
        "opened_at": START,
        "since": START,
        "until": START + timedelta(minutes=3),
        "resolved_at": None,
        "members": 39,
        "live": 39,
        "key": "camera",
        "changed": 38,
        "known": 40,
        "cause": None,
        "alert": alert(id=7),
        "parts": [("camera=3", "betting")],
    }
    return IncidentRecord(**{**values, **more})


def test_many_cameras_are_told_as_one_cause() -> None:
    said = incident_message(incident())
    assert said.startswith(
        "38 of 40 cameras changed within 3 minutes, first at about 2026-03-01 12:00:00 UTC "
        "(39 alerts); one cause is likely, such as light, the network or a release, not 38 cameras"
    )


def test_a_release_in_the_same_minutes_is_named_instead() -> None:
    said = incident_message(incident(cause="model_version=4.2"))
    assert "model_version 4.2 was released in the same minutes, which is the likely cause" in said
    assert "not 38 cameras" not in said


def test_two_cameras_of_forty_have_no_cause_that_is_likely() -> None:
    assert "cause" not in incident_message(incident(members=2, changed=2, live=2))


def test_what_is_left_of_an_incident_is_said() -> None:
    assert "19 of 39 alerts are still unresolved" in incident_message(incident(live=19))


def test_an_incident_of_one_alert_says_what_that_says() -> None:
    alone = incident(members=1, live=1, changed=1)
    assert incident_message(alone) == alone.alert.message
    assert incident_subject(alone) == "camera 3"


def test_a_kind_of_segment_with_a_long_name_is_said_so() -> None:
    found = incident_subject(incident(key="predicted_class", changed=3, known=9))
    assert found == "3 of 9 values of predicted_class"


@pytest.mark.parametrize("log_e_value", [None, 0.0, -3.0])
def test_without_evidence_that_counts_nothing_is_said_of_it(log_e_value: float | None) -> None:
    assert certainty(log_e_value) == ""


def test_evidence_is_said_as_how_rare_it_is() -> None:
    assert "at most once in 43,000 windows" in certainty(math.log(43_200))
