"""``driftgauge alerts export``: an alert's frames for a labelling tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .alert_show import the_alert
from .options import ConfigOption, JsonOption
from .reading import StoreOption, StreamOption

if TYPE_CHECKING:
    from driftgauge.storage import AlertRecord, EvidenceRecord

    from ..labelling.alert_frames import AlertFrame
    from ..settings.load import Settings
    from .reading import Reading


class LabelForm(StrEnum):
    """What the files are for."""

    LABEL_STUDIO = "label-studio"
    JSONL = "jsonl"
    COCO = "coco"
    FOLDER = "folder"


def export(
    *,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the alert.", min=1)],
    form: Annotated[
        LabelForm,
        typer.Option(
            "--format",
            help="label-studio: tasks to import. jsonl: a line a frame. coco: images without "
            "annotations. folder: a folder of unusual and one of typical pictures.",
        ),
    ] = LabelForm.LABEL_STUDIO,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="An empty or new folder. Default: alert-NUMBER."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--frames", min=1, max=10_000, help="At most so many of each kind.")
    ] = 100,
    config: ConfigOption = None,
    store: StoreOption = None,
    stream: StreamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write an alert's most unusual frames, and typical ones from before, for people to label.

    The pictures are read from Kafka by their offsets while it has them, else they are the thumbnails
    in the database; each frame says which. If [evidence] thumbnails is "blur" or "none", no
    original is read: the frames are blurred thumbnails, or have no picture.

    Try:

    driftgauge alerts export 12 --format folder --to frames-of-12
    """
    from ..labelling.label_files import FORMS
    from ..terminal.printing import print_json, print_line
    from .reading import open_reading

    folder = _emptied(to or Path(f"alert-{number}"))
    with open_reading(config, store, stream) as reading:
        alert = the_alert(reading, number)
        events = _events(reading, alert, limit)
        frames = _frames(reading.settings, events)
    FORMS[form.value](folder, alert, frames)
    counts = Counter(frame.source for frame in frames)
    if as_json:
        print_json({"folder": str(folder), "frames": len(frames), "pictures": dict(counts)})
        return
    print_line(
        f"{len(frames)} frames of alert {number} in {folder}: {counts['original']} originals from "
        f"Kafka, {counts['thumbnail']} thumbnails, {counts['none']} without a picture"
    )
    for why, n in Counter(frame.why for frame in frames if frame.why).most_common():
        print_line(f"  {n} not as originals: {why}")


def _emptied(folder: Path) -> Path:
    from ..errors import SettingsError

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SettingsError(f"the folder {folder} is not empty", hint="name another with --to")
    return folder.resolve()


def _events(reading: Reading, alert: AlertRecord, limit: int) -> list[EvidenceRecord]:
    until = alert.refreshed_at + timedelta(seconds=reading.stream.window_seconds)
    unusual = reading.store.evidence(
        alert.stream,
        segment=alert.segment,
        kind="unusual",
        since=alert.since,
        until=until,
        limit=limit,
    )
    typical = reading.store.evidence(
        alert.stream, segment=alert.segment, kind="typical", until=alert.since, limit=limit
    )
    return [*unusual, *typical]


def _frames(settings: Settings | None, events: Sequence[EvidenceRecord]) -> list[AlertFrame]:
    from rich.console import Console

    from ..errors import SourceUnavailable
    from ..labelling.alert_frames import place_of_event, thumbnails_only, with_originals
    from ..stream.records_at import records_at
    from ..terminal.progress import progress_bars
    from ..wiring.decode import build_decode_ports, build_decode_settings
    from ..wiring.kafka import build_connection

    if settings is None:
        return thumbnails_only(events, "no settings file names the broker")
    mode = settings.evidence.thumbnails
    if mode != "keep":
        return thumbnails_only(events, f'[evidence] thumbnails is "{mode}"', mode=mode)
    records = records_at(build_connection(settings), [place_of_event(event) for event in events])
    decode = build_decode_settings(settings), build_decode_ports(settings)
    frames: list[AlertFrame] = []
    try:
        with progress_bars(Console(stderr=True), transient=True) as bars:
            task = bars.add_task("Reading the messages from Kafka", total=len(events))
            for frame in with_originals(events, records, *decode):
                frames.append(frame)
                bars.advance(task)
    except SourceUnavailable as error:
        return thumbnails_only(events, f"the broker does not answer: {error}")
    return frames
