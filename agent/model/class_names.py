"""The names of a model's classes, from a file with one a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import EventSchemaError, SettingsError
from ..untrusted.text import label_text


def read_class_names(path: Path | None) -> tuple[str, ...]:
    """Return the names in the order of the model's output, none without a file.

    Raises:
        SettingsError: the file cannot be read, or a line is no name.
    """
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        names = [
            label_text(line.strip(), f"line {number}") or "" for number, line in enumerate(lines, 1)
        ]
    except (OSError, UnicodeDecodeError, EventSchemaError) as error:
        raise SettingsError(f"model.class_names = {str(path)!r}: {error}") from error
    if not all(names):
        raise SettingsError(f"model.class_names = {str(path)!r}: a line is empty")
    return tuple(names)


def own_class_names(model: object, *, is_pretrained: bool) -> tuple[str, ...]:
    """Return the names that a model carries itself, in the order of its output; none where it does not.

    Args:
        model: Hugging Face's have ``config.id2label``, some of timm's ``pretrained_cfg["label_names"]``.
        is_pretrained: whether it has the weights that timm distributes, so that 1,000 classes of
            ImageNet are those.
    """
    names = _configured(model) or (_of_imagenet(model) if is_pretrained else [])
    try:
        told = [label_text(str(name).split(",")[0].strip(), "a class") for name in names]
    except EventSchemaError:
        return ()
    return tuple(name or "" for name in told) if all(told) else ()


def _configured(model: object) -> list[object]:
    labels = getattr(getattr(model, "config", None), "id2label", None)
    if isinstance(labels, Mapping) and set(map(str, labels)) == set(map(str, range(len(labels)))):
        by_number = {int(number): name for number, name in labels.items()}
        found = [by_number[number] for number in range(len(by_number))]
        return [] if any(str(name).startswith("LABEL_") for name in found) else found
    own = getattr(model, "pretrained_cfg", None)
    names = own.get("label_names") if isinstance(own, Mapping) else None
    return list(names) if isinstance(names, list | tuple) else []


def _of_imagenet(model: object) -> list[object]:
    """Return the names of timm's own ImageNet models."""
    if not isinstance(getattr(model, "pretrained_cfg", None), Mapping):
        return []
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset(model)
    if not subset:
        return []
    info = ImageNetInfo(subset)
    return [info.index_to_description(number) for number in range(info.num_classes())]
