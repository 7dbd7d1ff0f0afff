"""Writes frames in the forms that labelling tools read; a form is a function and a row in ``FORMS``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from driftgauge.storage import AlertRecord

from .alert_frames import AlertFrame

LOCAL_FILES = "/data/local-files/?d="
"""Label Studio's address of a file under its LOCAL_FILES_DOCUMENT_ROOT."""

Write = Callable[[Path, AlertRecord, Sequence[AlertFrame]], None]


def write_label_studio(folder: Path, alert: AlertRecord, frames: Sequence[AlertFrame]) -> None:
    """Write ``tasks.json``, a task a picture, to import into Label Studio.

    Source: Label Studio documentation, "Import data", basic Label Studio JSON format.
    """
    tasks = [
        {
            "data": {
                "image": LOCAL_FILES + quote(f"{folder.name}/{place}"),
                **_facts(alert, frame),
            },
            "meta": {"driftgauge_alert": alert.id, "claim": alert.message},
        }
        for frame, place in _pictures(folder, frames, by_kind=False)
    ]
    _write_json(folder / "tasks.json", tasks)


def write_jsonl(folder: Path, alert: AlertRecord, frames: Sequence[AlertFrame]) -> None:
    """Write ``frames.jsonl``, an object a frame, those without a picture too."""
    _write_lines(folder, alert, frames, by_kind=False)


def write_folders(folder: Path, alert: AlertRecord, frames: Sequence[AlertFrame]) -> None:
    """Write a folder of ``unusual`` and one of ``typical`` pictures, and ``frames.jsonl``."""
    _write_lines(folder, alert, frames, by_kind=True)


def write_coco(folder: Path, alert: AlertRecord, frames: Sequence[AlertFrame]) -> None:
    """Write ``annotations.json``: COCO's images, with no annotations yet."""
    images = []
    for number, (frame, place) in enumerate(_pictures(folder, frames, by_kind=False), start=1):
        with Image.open(io.BytesIO(frame.picture or b"")) as opened:
            width, height = opened.size
        images.append(
            {
                "id": number,
                "file_name": place,
                "width": width,
                "height": height,
                "date_captured": frame.event.event_time.isoformat(),
                "driftgauge": _facts(alert, frame),
            }
        )
    about = {"description": f"driftgauge alert {alert.id}: {alert.message}"}
    content = {"info": about, "images": images, "annotations": [], "categories": []}
    _write_json(folder / "annotations.json", content)


FORMS: Mapping[str, Write] = {
    "label-studio": write_label_studio,
    "jsonl": write_jsonl,
    "coco": write_coco,
    "folder": write_folders,
}


def _write_lines(
    folder: Path, alert: AlertRecord, frames: Sequence[AlertFrame], *, by_kind: bool
) -> None:
    places = {frame.name: place for frame, place in _pictures(folder, frames, by_kind=by_kind)}
    lines = [
        json.dumps({"image": places.get(frame.name), **_facts(alert, frame)}) for frame in frames
    ]
    (folder / "frames.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _pictures(
    folder: Path, frames: Sequence[AlertFrame], *, by_kind: bool
) -> list[tuple[AlertFrame, str]]:
    """Write the pictures; return each frame that has one, with its place in *folder*."""
    written = []
    for frame in frames:
        if frame.picture is None:
            continue
        place = Path(frame.event.kind if by_kind else "images") / frame.name
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(frame.picture)
        written.append((frame, str(place)))
    return written


def _facts(alert: AlertRecord, frame: AlertFrame) -> dict[str, Any]:
    event = frame.event
    return {
        "alert": alert.id,
        "stream": alert.stream,
        "segment": alert.segment,
        "kind": event.kind,
        "picture": frame.source,
        "why_not_original": frame.why,
        "event_id": event.event_id,
        "event_time": event.event_time.isoformat(),
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "item": event.item,
        "p_value": event.p_value,
    }


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
