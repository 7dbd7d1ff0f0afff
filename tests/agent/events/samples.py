"""A valid message of every format, as its senders write it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tests.agent.records import encoded, jpeg, picture

PIXELS = np.asarray(picture())
"""``(24, 32, 3)``."""

KSERVE = {"ce_id": b"r-1", "ce_source": b"kserve", "ce_specversion": b"1.0"}
REQUEST = KSERVE | {"ce_type": b"org.kubeflow.serving.inference.request"}
RESPONSE = KSERVE | {"ce_type": b"org.kubeflow.serving.inference.response"}
SELDON_REQUEST = {
    "ce_id": b"m-1",
    "ce_requestid": b"r-1",
    "ce_type": b"io.seldon.serving.inference.request",
}
SELDON_RESPONSE = SELDON_REQUEST | {"ce_type": b"io.seldon.serving.inference.response"}
JSON = {"content-type": b"application/json"}


@dataclass(frozen=True)
class Sample:
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def b64(value: bytes | None = None) -> str:
    return base64.b64encode(jpeg() if value is None else value).decode()


def structured(**attributes: object) -> bytes:
    envelope = {"specversion": "1.0", "id": "e-1", "source": "/line", "type": "image"}
    return as_json(envelope | {"time": "2026-02-03T04:05:06Z", "camera": "3"} | attributes)


def v2(**tensor: object) -> bytes:
    whole = {"name": "input", "shape": [1, 24, 32, 3], "datatype": "UINT8"} | tensor
    return as_json({"id": "r-1", "model_version": "7", "inputs": [whole]})


def raw_v2() -> Sample:
    raw = PIXELS.tobytes()
    head = v2(parameters={"binary_data_size": len(raw)})
    length = {"inference-header-content-length": str(len(head)).encode()}
    return Sample(head + raw, JSON | REQUEST | length)


def raw_v2_bytes() -> Sample:
    raw = len(jpeg()).to_bytes(4, "little") + jpeg()
    head = v2(parameters={"binary_data_size": len(raw)}, shape=[1], datatype="BYTES")
    length = {"inference-header-content-length": str(len(head)).encode()}
    return Sample(head + raw, JSON | REQUEST | length)


PICTURES: dict[str, Sample] = {
    "jpeg": Sample(jpeg()),
    "png": Sample(encoded(picture(), "PNG"), {"content-type": b"image/png"}),
    "webp": Sample(encoded(picture(), "WEBP"), {"ce_id": b"e-1", "ce_datacontenttype": b"image/webp"}),
    "structured base64": Sample(
        structured(data_base64=b64(), datacontenttype="image/jpeg"),
        {"content-type": b"application/cloudevents+json; charset=UTF-8"},
    ),
    "structured text": Sample(structured(data=b64(), datacontenttype="image/jpeg")),
    "structured object": Sample(structured(data={"image": b64()})),
    "structured request": Sample(structured(data={"instances": [{"b64": b64()}]})),
    "json": Sample(as_json({"image": b64(), "site": {"line": 4}}), JSON),
    "json data uri": Sample(as_json({"frame": f"data:image/jpeg;base64,{b64()}"})),
    "v1 base64": Sample(as_json({"instances": [{"image_bytes": {"b64": b64()}}]}), JSON | REQUEST),
    "v1 text": Sample(as_json({"instances": [b64()]}), JSON | REQUEST),
    "v1 numbers": Sample(as_json({"instances": [PIXELS.tolist()]}), JSON | REQUEST),
    "v1 fractions": Sample(
        as_json({"instances": [{"x": (PIXELS / 255).round(4).tolist()}]}), JSON | REQUEST
    ),
    "v2 base64": Sample(v2(datatype="BYTES", shape=[1], data=[b64()]), JSON | REQUEST),
    "v2 numbers": Sample(v2(data=PIXELS.ravel().tolist()), JSON | REQUEST),
    "v2 channels first": Sample(
        v2(data=(PIXELS / 255).transpose(2, 0, 1).ravel().round(4).tolist(), datatype="FP32",
           shape=[1, 3, 24, 32]),
        JSON | REQUEST,
    ),
    "v2 raw": raw_v2(),
    "v2 raw base64": raw_v2_bytes(),
    "seldon ndarray": Sample(as_json({"data": {"ndarray": [PIXELS.tolist()]}}), JSON | SELDON_REQUEST),
    "seldon tensor": Sample(
        as_json({"data": {"tensor": {"shape": [1, 24, 32, 3], "values": PIXELS.ravel().tolist()}}}),
        JSON | SELDON_REQUEST,
    ),
    "seldon bytes": Sample(as_json({"binData": b64()}), JSON | SELDON_REQUEST),
    "seldon json": Sample(as_json({"jsonData": {"image": b64()}}), JSON | SELDON_REQUEST),
}  # fmt: skip

PREDICTIONS: dict[str, Sample] = {
    "v1": Sample(as_json({"predictions": [[0.1, 0.7, 0.2]]}), JSON | RESPONSE),
    "v1 label": Sample(as_json({"predictions": [{"label": "1", "score": 0.7}]}), JSON | RESPONSE),
    "v2 scores": Sample(
        as_json({"id": "r-1", "outputs": [
            {"name": "logits", "shape": [1, 3], "datatype": "FP32", "data": [0.1, 0.7, 0.2]}]}),
        JSON | RESPONSE,
    ),
    "v2 label": Sample(
        as_json({"outputs": [
            {"name": "score", "shape": [1, 1], "datatype": "FP32", "data": [0.7]},
            {"name": "label", "shape": [1], "datatype": "BYTES", "data": ["1"]}]}),
        JSON | RESPONSE,
    ),
    "seldon": Sample(
        as_json({"data": {"names": ["0", "1"], "ndarray": [[0.2, 0.8]]}}), JSON | SELDON_RESPONSE
    ),
    "seldon tensor": Sample(
        as_json({"data": {"tensor": {"shape": [1, 2], "values": [0.2, 0.8]}}}),
        JSON | SELDON_RESPONSE,
    ),
}  # fmt: skip
