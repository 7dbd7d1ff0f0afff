"""What is packed comes back as it was, also from what earlier versions wrote."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from driftgauge.agent.drift.drift_test import Arrays
from driftgauge.agent.drift.packing import pack, shapes_of, unpack


@pytest.fixture
def arrays() -> Arrays:
    rng = np.random.default_rng(2)
    return {
        "log_evidence": rng.normal(size=(6, 38)).astype(np.float32),
        "starts": rng.integers(0, 2**40, (6, 38)),
        "rise": np.array([[0.5, -np.inf]], dtype=np.float16),
        "is_bet": np.array([True, False, True]),
        "n_held": np.array(7, dtype=np.int32),
        "none": np.zeros((0, 4)),
    }


def test_arrays_come_back_with_their_types_shapes_and_bits(arrays: Arrays) -> None:
    found = unpack(pack(arrays))
    assert shapes_of(found) == shapes_of(arrays)
    assert all(found[name].tobytes() == values.tobytes() for name, values in arrays.items())
    sliced = {"columns": arrays["starts"][:, ::2]}
    assert (unpack(pack(sliced))["columns"] == sliced["columns"]).all()


def test_what_an_earlier_version_packed_is_read(arrays: Arrays) -> None:
    heads = [[name, arrays[name].dtype.str, list(arrays[name].shape)] for name in sorted(arrays)]
    head = json.dumps(heads).encode()
    values = b"".join(arrays[name].tobytes() for name in sorted(arrays))
    found = unpack(zlib.compress(len(head).to_bytes(4, "little") + head + values, 1))
    assert shapes_of(found) == shapes_of(arrays)
    assert all(found[name].tobytes() == values.tobytes() for name, values in arrays.items())
