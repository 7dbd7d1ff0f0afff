"""The error tree keeps its promises."""

from __future__ import annotations

import pytest

import driftgauge.storage as front
from driftgauge.storage import (
    RecordConflict,
    SchemaOutOfDate,
    StaleFlush,
    StorageError,
    StoreUnavailable,
)


def test_a_docstring_is_the_default_message() -> None:
    assert str(StoreUnavailable()) == "The database did not answer."
    assert str(StoreUnavailable("gone")) == "gone"


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        (StorageError, False),
        (StoreUnavailable, True),
        (SchemaOutOfDate, False),
        (RecordConflict, False),
        (StaleFlush, False),
    ],
)
def test_only_an_unavailable_store_is_retried(kind: type[StorageError], retryable: bool) -> None:
    assert kind.retryable is retryable
    assert issubclass(kind, StorageError)


def test_a_hint_can_be_given_and_defaults_to_the_kind_s() -> None:
    assert SchemaOutOfDate().hint == "driftgauge db upgrade"
    assert SchemaOutOfDate(hint="wait").hint == "wait"
    assert StorageError().hint == ""


def test_the_front_door_names_what_it_shows() -> None:
    assert front.__all__ == sorted(front.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(front, name) for name in front.__all__)
