"""JSON and headers that hypothesis makes up of the names that decoders look for."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .hostile import HEADERS
from .samples import b64

NAMES = st.sampled_from(
    [
        "image", "dataref", "instances", "predictions", "inputs", "outputs", "data", "data_base64",
        "specversion", "id", "source", "type", "time", "datacontenttype", "ndarray", "tensor", "shape",
        "values", "name", "datatype", "b64", "parameters", "binary_data_size", "binData", "strData",
        "jsonData", "names", "label", "scores", "site", "line", "model_version", "url", "tags", "sampledrate",
    ]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | st.sampled_from([b64(), "1.0", "UINT8", "BYTES", "FP32", "file:///nowhere/a"])
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=6)
HEADER_SETS = st.dictionaries(st.sampled_from(HEADERS), st.binary(max_size=30), max_size=4)
