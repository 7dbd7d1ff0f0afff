"""Every setting of the agent: flags, then environment, then ``driftgauge.toml``, then defaults.

This is the only file that reads the environment. ``detector`` and ``storage`` take plain keywords.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from driftgauge.storage import EDGES

from .errors import SettingsError
from .sections import (
    BatchSection,
    DetectorSection,
    EvidenceSection,
    FlushSection,
    KafkaSection,
    LogSection,
    ModelSection,
    MonitorSection,
    Section,
    StoreSection,
    StreamSection,
    WindowsSection,
)
from .settings_file import TomlFile, unknown_setting

PREFIX = "DRIFTGAUGE_"

_ALPHAS = tuple(edge for edge in EDGES if 0 < edge <= 0.1)  # noqa: PLR2004
_EMBEDDED = {"session_timeout_seconds": 2.5, "heartbeat_interval_seconds": 0.3}
_MIN_WINDOWS_BETWEEN_ALARMS = 20


class Settings(BaseSettings):
    """All sections, checked against each other. Building one reads no file and no environment."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
        validate_default=True,
    )

    stream: StreamSection
    kafka: KafkaSection = KafkaSection()
    model: ModelSection = ModelSection()
    batch: BatchSection = BatchSection()
    detector: DetectorSection = DetectorSection()
    windows: WindowsSection = WindowsSection()
    flush: FlushSection = FlushSection()
    evidence: EvidenceSection = EvidenceSection()
    monitor: MonitorSection = MonitorSection()
    store: StoreSection = StoreSection()
    log: LogSection = LogSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what the caller gives; ``load_settings`` merges the sources."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _fill_names(cls, values: Any) -> Any:
        """Fill in what other settings decide: group, dead-letter topic, embedded timings."""
        if not isinstance(values, dict) or not isinstance(values.get("stream"), dict):
            return values
        stream, kafka = values["stream"], values.get("kafka", {})
        if not isinstance(kafka, dict):
            return values
        kafka = {name: value for name, value in kafka.items() if value != ""}
        filled = {
            "group_id": f"driftgauge-{stream.get('name')}",
            "dead_letter_topic": f"{stream.get('topic')}.dlq",
        } | (_EMBEDDED if kafka.get("profile") == "embedded" else {})
        return {**values, "kafka": {**filled, **kafka}}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse settings that contradict each other."""
        problem = next(iter(_contradictions(self)), None)
        if problem is not None:
            raise ValueError(problem)
        return self


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and where each came from.

    Attributes:
        origins: ``section.name`` to ``flag``, ``DRIFTGAUGE_...``, ``FILE:LINE`` or ``default``.
    """

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    path: Path | None = None, *, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """Return the effective settings.

    Args:
        path: the file; None means ``driftgauge.toml`` here if there is one.
        flags: section to name to value, as given on the command line; None values are not given.

    Raises:
        SettingsError: a file that is missing or not TOML, a setting that is unknown, missing,
            out of bounds, or contradicts another.
    """
    return load_with_origins(path, flags=flags).settings


def load_with_origins(
    path: Path | None = None, *, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> LoadedSettings:
    """Return the effective settings and where each came from; see ``load_settings``."""
    source = TomlFile.read(path)
    given = {section: _present(values) for section, values in (flags or {}).items()}
    merged = _merged(source.values, _environment(), given)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        origins = _origins(merged, source, given)
        lines = [_in_words(detail, origins, source) for detail in error.errors()]
        raise SettingsError("\n".join(lines)) from None
    return LoadedSettings(settings, _origins(settings.model_dump(), source, given))


def _environment() -> dict[str, Any]:
    """Return section to name to text, from ``DRIFTGAUGE_SECTION__NAME``."""
    for variable in os.environ:
        section, nested, name = variable.removeprefix(PREFIX).partition("__")
        if variable.startswith(PREFIX) and nested:
            _refuse_unknown_variable(variable, section.lower(), name.lower())
    return EnvSettingsSource(Settings)()


def _refuse_unknown_variable(variable: str, section: str, name: str) -> None:
    if name not in setting_names().get(section, ()):
        raise SettingsError(
            f"environment variable {variable}: {unknown_setting(section, name, setting_names())}"
        )


def setting_names() -> dict[str, tuple[str, ...]]:
    """Return every section with the names in it."""
    return {name: tuple(section.model_fields) for name, section in sections().items()}


def sections() -> dict[str, type[Section]]:
    """Return every section's class, in the order of the file."""
    found = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, Section)
    }


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _merged(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sources joined section by section; later ones win."""
    merged: dict[str, Any] = {}
    for source in sources:
        for section, values in source.items():
            both = isinstance(values, Mapping) and isinstance(merged.get(section), Mapping)
            merged[section] = {**merged[section], **values} if both else values
    return merged


def _origins(
    values: Mapping[str, Any], source: TomlFile, flags: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    environment = {variable.upper() for variable in os.environ}
    origins = {}
    for section, fields in values.items():
        for name in fields if isinstance(fields, Mapping) else ():
            key, variable = f"{section}.{name}", f"{PREFIX}{section}__{name}".upper()
            line = f"{source.path}:{source.lines.get(key, 0)}"
            in_file = isinstance(source.values.get(section), Mapping) and (
                name in source.values[section]
            )
            origins[key] = line.removesuffix(":0") if in_file else "default"
            if variable in environment:
                origins[key] = variable
            if name in flags.get(section, ()):
                origins[key] = "flag"
    return origins


def _in_words(detail: ErrorDetails, origins: Mapping[str, str], source: TomlFile) -> str:
    """Return one validation error as *where: what, got, what to do*."""
    section, name = (*(str(part) for part in detail["loc"]), "", "")[:2]
    key = f"{section}.{name}" if name else section
    where = origins.get(key, "default")
    if where == "default":
        where = f"{source.path}:{source.lines[section]}" if section in source.lines else "settings"
    if detail["type"] == "extra_forbidden":
        return f"{where}: {unknown_setting(section, name, setting_names())}"
    if detail["type"] == "missing":
        variable = f"{PREFIX}{key}".upper().replace(".", "__")
        return f"{key} is not set; set it in {source.path} or as {variable}"
    reason = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error" or "store" in key:
        return f"{where}: {key}: {reason}" if key else f"{where}: {reason}"
    return f"{where}: {key} = {detail['input']!r}: {reason}"


def _contradictions(settings: Settings) -> list[str]:
    """Return what contradicts, in words with both values."""
    model, kafka, windows = settings.model, settings.kafka, settings.windows
    flush, batch, monitor = settings.flush, settings.batch, settings.monitor
    between = monitor.false_alarms.seconds_between / windows.seconds
    checks = {
        "model.source or model.factory must be set, and not both; got "
        f"source = {model.source!r} and factory = {model.factory!r}": (
            (model.source is None) != (model.factory is None)
        ),
        f"stream.alpha = {settings.stream.alpha} is not an edge of the p-value histogram; "
        f"take one of {', '.join(f'{alpha:g}' for alpha in _ALPHAS)}": (
            settings.stream.alpha in _ALPHAS
        ),
        f"kafka.dead_letter_topic = {kafka.dead_letter_topic!r} is the topic that is watched; "
        "dead letters would be read again": kafka.dead_letter_topic != settings.stream.topic,
        f"kafka.heartbeat_interval_seconds = {kafka.heartbeat_interval_seconds:g} must be at most "
        f"a third of kafka.session_timeout_seconds = {kafka.session_timeout_seconds:g}": (
            3 * kafka.heartbeat_interval_seconds <= kafka.session_timeout_seconds
        ),
        f"kafka.fetch_max_bytes = {kafka.fetch_max_bytes} must be at least "
        f"batch.max_message_bytes = {batch.max_message_bytes}, or large messages never arrive": (
            kafka.fetch_max_bytes >= batch.max_message_bytes
        ),
        f"kafka.security_protocol = {kafka.security_protocol!r} and kafka.sasl_mechanism = "
        f"{kafka.sasl_mechanism!r} do not go together: a mechanism is needed with SASL_PLAINTEXT "
        "and SASL_SSL, and only there": (
            kafka.security_protocol.startswith("SASL") == (kafka.sasl_mechanism is not None)
        ),
        f"kafka.sasl_mechanism = {kafka.sasl_mechanism!r} needs kafka.username and kafka.password; "
        f"got username = {kafka.username!r} and {'a' if kafka.password else 'no'} password": (
            kafka.sasl_mechanism is None or (bool(kafka.username) and kafka.password is not None)
        ),
        f"monitor.idle_seconds = {monitor.idle_seconds:g} must be at least twice "
        f"flush.interval_seconds = {flush.interval_seconds:g}, or a busy partition looks idle "
        "between two flushes": monitor.idle_seconds >= 2 * flush.interval_seconds,
        f"monitor.false_alarms = '{monitor.false_alarms}' is one in {between:.3g} windows of "
        f"windows.seconds = {windows.seconds}; a test needs at least "
        f"{_MIN_WINDOWS_BETWEEN_ALARMS} windows between false alarms": (
            between >= _MIN_WINDOWS_BETWEEN_ALARMS
        ),
        f"monitor.learn = '{monitor.learn}' is shorter than windows.seconds = {windows.seconds}": (
            monitor.learn.total_seconds() >= windows.seconds
        ),
    }
    return [problem for problem, holds in checks.items() if not holds]


__all__ = [
    "BatchSection", "DetectorSection", "EvidenceSection", "FlushSection",
    "KafkaSection", "LoadedSettings", "LogSection", "ModelSection", "MonitorSection", "Section",
    "Settings", "StoreSection", "StreamSection", "WindowsSection", "load_settings",
    "load_with_origins", "sections", "setting_names",
]  # fmt: skip
