"""An alert's frames as files for labelling tools, from a broker and a database."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer  # noqa: TID251 - the cameras bring their own
from PIL import Image

from driftgauge.agent.demo.broker import EmbeddedBroker
from driftgauge.storage import EvidenceRecord, Judgement, MonitorState, Store

from ...stores import START, STREAM, advance, alert, evidence, flush, window
from ..command.reading import Run, run, written
from ..records import encoded, picture

__all__ = ["run", "written"]

pytestmark = pytest.mark.kafka

SETTINGS = """\
[stream]
name = "line-3"
topic = "{topic}"
[kafka]
bootstrap_servers = ["{broker}"]
[model]
source = "timm:resnet18"
[store]
url = "sqlite:///runs/driftgauge.db"
[evidence]
thumbnails = "{mode}"
"""


@dataclass(frozen=True)
class Scene:
    """An alert with three frames since the change, of which Kafka has two, and one from before."""

    run: Run
    folder: Path
    broker: str
    topic: str

    def export(self, form: str, *, mode: str = "keep") -> dict[str, Any]:
        text = SETTINGS.format(topic=self.topic, broker=self.broker, mode=mode)
        (self.folder / "driftgauge.toml").write_text(text)
        done = self.run("alerts", "export", "1", "--format", form, "--to", form, "--json")
        assert done.code == 0, done.err
        found: dict[str, Any] = done.values
        return found


@pytest.fixture
def scene(run: Run, written: Store, tmp_path: Path, broker: EmbeddedBroker, topic: str) -> Scene:
    broker.create_topic(topic)
    producer = KafkaProducer(bootstrap_servers=broker.address)
    for level in (40, 90, 140):
        producer.send(topic, encoded(picture(level, (320, 240)), "PNG")).get(timeout=20)
    producer.close()
    thumbnail = encoded(picture(90), "JPEG")

    def kept(offset: int, kind: str, minute: float) -> EvidenceRecord:
        return evidence(
            offset,
            kind=kind,
            minute=minute,
            segment="camera=3",
            topic=topic,
            event_id=f"{topic}/0/{offset}",
            thumbnail=thumbnail,
        )

    rows = [kept(0, "typical", -9), *(kept(n, "unusual", -1) for n in (1, 2, 99))]
    written.flush(flush(advance(None, 100), windows=[window({0: 3})], evidence=rows))
    written.judge(Judgement(STREAM, None, MonitorState(START, ""), [alert()]))
    return Scene(run, tmp_path, broker.address, topic)


def test_pictures_are_the_originals_while_kafka_has_them(scene: Scene) -> None:
    told = scene.export("label-studio")
    assert told["pictures"] == {"original": 3, "thumbnail": 1}
    tasks = json.loads((scene.folder / "label-studio" / "tasks.json").read_text())
    by_offset = {task["data"]["offset"]: task["data"] for task in tasks}
    assert by_offset[99]["picture"] == "thumbnail"
    assert by_offset[99]["why_not_original"] == "Kafka no longer has the message"
    prefix = "/data/local-files/?d=label-studio/"
    assert by_offset[1]["image"].startswith(prefix)
    file = scene.folder / "label-studio" / by_offset[1]["image"].removeprefix(prefix)
    with Image.open(file) as shown:
        assert shown.convert("RGB").tobytes() == picture(90, (320, 240)).tobytes()


def test_each_form_names_every_frame(scene: Scene) -> None:
    for form in ("jsonl", "coco", "folder"):
        assert scene.export(form)["frames"] == 4
    lines = (scene.folder / "jsonl" / "frames.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines].count("typical") == 1
    coco = json.loads((scene.folder / "coco" / "annotations.json").read_text())
    assert {(one["width"], one["height"]) for one in coco["images"]} == {(320, 240), (32, 24)}
    assert len(list((scene.folder / "folder" / "unusual").iterdir())) == 3
    assert len(list((scene.folder / "folder" / "typical").iterdir())) == 1


def test_settings_that_hide_pictures_hide_them_here(scene: Scene) -> None:
    assert scene.export("folder", mode="blur")["pictures"] == {"thumbnail": 4}
    (typical,) = (scene.folder / "folder" / "typical").iterdir()
    assert typical.read_bytes() != encoded(picture(90), "JPEG")
    with Image.open(io.BytesIO(typical.read_bytes())) as shown:
        assert shown.size == (32, 24)
    assert scene.export("jsonl", mode="none")["pictures"] == {"none": 4}
    assert not (scene.folder / "jsonl" / "images").exists()


def test_a_folder_that_holds_something_is_left_alone(scene: Scene) -> None:
    scene.export("jsonl")
    again = scene.run("alerts", "export", "1", "--format", "jsonl", "--to", "jsonl")
    assert again.code == 2
    assert "is not empty" in again.err
