"""docs/deploy.md: its objects conform, its commands exist, and what it says of the model servers' messages holds."""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from driftgauge.agent.command.__main__ import app
from driftgauge.agent.errors import EventError
from driftgauge.agent.events.decode import DecodeSettings, decode_record
from driftgauge.agent.events.prediction import Prediction

from ..agent.records import NOON, jpeg, pixels, record
from ..deploy.kubernetes import VERSION, write_schemas
from ..deploy.tools import run_tool

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_what_it_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE):
        assert target.startswith("https://") or (ROOT / "docs" / target).exists(), target


def commands() -> list[str]:
    """Return each command line of driftgauge, also where a container runs it."""
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
    found = [
        re.split(r"(?:^|agent |-- )driftgauge |--rm (?:-v \S+ )?agent ", line) for line in lines
    ]
    return sorted({parts[-1] for parts in found if len(parts) > 1})


def test_its_commands_are_found() -> None:
    assert len(commands()) == 6


@pytest.mark.parametrize("line", commands())
def test_a_command_and_its_options_exist(line: str) -> None:
    command, *words = shlex.split(line)
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert told.exit_code == 0
    assert all(word in told.output for word in words if word.startswith("--"))


def test_the_pod_without_helm_conforms(tmp_path: Path) -> None:
    (text,) = [
        text for kind, text in BLOCKS if kind == "yaml" and "my-model:1.4\n        - name" in text
    ]
    place = write_schemas(tmp_path)
    assert "Valid: 1" in run_tool(
        "kubeconform", "-strict", "-summary", "-schema-location", place, stdin=text
    )
    (model, agent) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    assert model["name"] == "model"
    assert not {"readinessProbe", "livenessProbe", "startupProbe"} & agent.keys()


def test_the_chart_gives_the_names_that_the_commands_use() -> None:
    sets = "store.kind=postgresql,store.existingSecret=a,fit.enabled=true"
    chart = ROOT / "deploy" / "helm" / "driftgauge"
    words = ("template", "line-3", chart, "--kube-version", VERSION, "--set", sets)
    objects = [found for found in yaml.safe_load_all(run_tool("helm", *words)) if found]
    made = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in objects}
    assert set(re.findall(r"\b(?:job|deployment)/[\w-]+", PAGE)) <= made


KSERVE_HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "4e1c8c2e-0a3a-4f5c-9a52-3f3d5a1d7f3b",
    "ce_source": "http://localhost:9081/",
    "ce_type": "org.kubeflow.serving.inference.request",
    "ce_time": "2026-03-01T12:00:00.000123Z",
    "ce_inferenceservicename": "line-3",
    "ce_namespace": "vision",
    "ce_component": "predictor",
    "ce_endpoint": "default",
    "ce_metadata": '{"X-Request-Id":["17"]}',
    "content-type": "application/json",
}
"""What KServe's logger (pkg/logger/worker.go) sends, as a KafkaSink writes it: an attribute is a header ce_NAME."""


def logged(value: object, **other: str) -> Any:
    """Return what the agent makes of a logged body."""
    headers = {name: text.encode() for name, text in (KSERVE_HEADERS | other).items()}
    names = ("inferenceservicename", "component", "endpoint", "json:camera")
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    settings = DecodeSettings(segment_headers=names)
    return decode_record(record(body, headers=headers), settings, arrived_at=NOON)


PICTURE = base64.b64encode(jpeg()).decode()
V1: Mapping[str, object] = {"instances": [{"image_bytes": {"b64": PICTURE}}], "camera": "3"}
V2: Mapping[str, object] = {
    "id": "17",
    "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [PICTURE]}],
    "camera": "3",
}


@pytest.mark.parametrize("body", [V1, V2], ids=["V1", "V2"])
def test_a_request_that_kserve_logged_is_an_event_with_its_attributes(body: object) -> None:
    (event,) = logged(body)
    assert pixels(event).shape == (24, 32, 3)
    assert event.event_id.startswith(("4e1c8c2e", "17"))
    assert event.segments == {
        "inferenceservicename": "line-3",
        "component": "predictor",
        "endpoint": "default",
        "camera": "3",
    }


def test_a_prediction_that_kserve_logged_is_no_event() -> None:
    answer = logged(
        {"predictions": [[0.1, 0.7, 0.2]]}, ce_type="org.kubeflow.serving.inference.response"
    )
    assert isinstance(answer, Prediction)


def test_bytes_behind_the_json_of_a_logged_request_are_a_dead_letter() -> None:
    """The logger does not pass on the header that says where the JSON ends."""
    head = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}
    with pytest.raises(EventError):
        logged(json.dumps(head).encode() + b"\x03\x00\x00\x00abc")


def test_the_handler_of_torchserve_sends_what_it_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TorchServe gives a row as bytes, or as base64 text; its own class stands in as an empty one."""
    (code,) = [text for kind, text in BLOCKS if kind == "python"]
    sent: list[tuple[str, bytes, list[tuple[str, bytes]]]] = []

    class Base:
        def initialize(self, context: object) -> None:
            pass

        def preprocess(self, data: object) -> object:
            return data

    class Producer:
        def send(self, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
            sent.append((topic, value, headers))

    module = types.ModuleType("ts.torch_handler.image_classifier")
    module.ImageClassifier = Base  # type: ignore[attr-defined]  # a module made here
    for name in ("ts", "ts.torch_handler"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names: dict[str, Any] = {}
    exec(code, names)
    handler = names["WatchedClassifier"]()
    handler.producer = Producer()
    handler.preprocess([{"data": bytearray(jpeg())}, {"body": PICTURE}])
    for topic, value, headers in sent:
        assert topic == "line-3-images"
        taken = dict(headers)
        settings = DecodeSettings(segment_headers=("camera",))
        found = decode_record(record(value, headers=taken), settings, arrived_at=NOON)
        assert isinstance(found, tuple)
        assert found[0].segments == {"camera": "3"}
    assert len(sent) == 2
