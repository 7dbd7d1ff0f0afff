"""Every setting of the agent: flags, then environment, then ``driftgauge.toml``, then defaults.

This is the only file that reads the environment. ``detector`` and ``storage`` take plain keywords.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
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

from ..errors import SettingsError
from .conflicts import contradictions
from .file import TomlFile, unknown_setting
from .secret import is_secret, secret_parts
from .secret_file import SUFFIX, read_secrets
from .section import Section
from .sections import (
    BatchSection,
    DetectorSection,
    EventsSection,
    EvidenceSection,
    FlushSection,
    HttpSection,
    KafkaSection,
    KeepSection,
    LogSection,
    ModelSection,
    MonitorSection,
    NotifySection,
    RetrainSection,
    StoreSection,
    StreamSection,
    WebSection,
    WindowsSection,
)

PREFIX = "DRIFTGAUGE_"


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
    events: EventsSection = EventsSection()
    model: ModelSection = ModelSection()
    batch: BatchSection = BatchSection()
    detector: DetectorSection = DetectorSection()
    windows: WindowsSection = WindowsSection()
    flush: FlushSection = FlushSection()
    evidence: EvidenceSection = EvidenceSection()
    keep: KeepSection = KeepSection()
    retrain: RetrainSection = RetrainSection()
    monitor: MonitorSection = MonitorSection()
    notify: NotifySection = NotifySection()
    store: StoreSection = StoreSection()
    http: HttpSection = HttpSection()
    web: WebSection = WebSection()
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
        """Fill in what other settings decide: group and dead-letter topic."""
        if not isinstance(values, dict) or not isinstance(values.get("stream"), dict):
            return values
        stream, kafka = values["stream"], values.get("kafka", {})
        if not isinstance(kafka, dict):
            return values
        kafka = {name: value for name, value in kafka.items() if value != ""}
        filled = {
            "group_id": f"driftgauge-{stream.get('name')}",
            "dead_letter_topic": f"{stream.get('topic')}.dlq",
        }
        return {**values, "kafka": {**filled, **kafka}}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse settings that contradict each other."""
        if problems := contradictions(self):
            raise ValueError("\n".join(problems))
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
        SettingsError: a file that is missing or not TOML; or every setting that is unknown,
            missing, out of bounds, or contradicts another, each on a line.
    """
    return load_with_origins(path, flags=flags).settings


def load_with_origins(
    path: Path | None = None, *, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> LoadedSettings:
    """Return the effective settings and where each came from; see ``load_settings``."""
    source = TomlFile.read(path)
    given = {section: _present(values) for section, values in (flags or {}).items()}
    merged = _merged(
        read_secrets(source.values, secret_names(), source.where),
        read_secrets(_environment(), secret_names(), _variable),
        given,
    )
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise _refusal(error.errors(), _origins(merged, source, given), source) from None
    return LoadedSettings(settings, _origins(settings.model_dump(), source, given))


def _environment() -> dict[str, Any]:
    """Return section to name to text, from ``DRIFTGAUGE_SECTION__NAME``."""
    problems = []
    for variable in sorted(os.environ):
        section, nested, name = variable.removeprefix(PREFIX).partition("__")
        if variable.startswith(PREFIX) and nested and not _is_known(section.lower(), name.lower()):
            problems.append(
                f"environment variable {variable}: {_unknown(section.lower(), name.lower())}"
            )
    if problems:
        raise SettingsError("\n".join(problems))
    return EnvSettingsSource(Settings)()


def _is_known(section: str, name: str) -> bool:
    files = [secret + SUFFIX for secret in secret_names().get(section, ())]
    return name in (*setting_names().get(section, ()), *files)


def _unknown(section: str, name: str) -> str:
    """Return in words that a setting does not exist, or no longer does, and what to write."""
    kind = sections().get(section)
    instead = kind.removed.get(name) if kind else None
    if instead is not None:
        return f"{section}.{name} is no longer a setting: {instead}"
    return unknown_setting(section, name, setting_names())


def setting_names() -> dict[str, tuple[str, ...]]:
    """Return every section with the names in it."""
    return {name: tuple(section.model_fields) for name, section in sections().items()}


def secret_names() -> dict[str, tuple[str, ...]]:
    """Return every section with the names in it whose values are secret."""
    return {
        section: tuple(name for name, field in kind.model_fields.items() if is_secret(field))
        for section, kind in sections().items()
    }


def secret_values(settings: Settings) -> list[str]:
    """Return every secret that is set, of an address its password only: for who must print none."""
    found = (
        getattr(getattr(settings, section), name)
        for section, names in secret_names().items()
        for name in names
    )
    given = [secret.get_secret_value() for secret in found if secret is not None]
    return [part for secret in given for part in secret_parts(secret)]


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
            key = f"{section}.{name}"
            in_file = source.values.get(section)
            origins[key] = "default"
            for written in (name, name + SUFFIX):
                if isinstance(in_file, Mapping) and written in in_file:
                    origins[key] = source.where(section, written)
            for variable in (_variable(section, name), _variable(section, name + SUFFIX)):
                if variable in environment:
                    origins[key] = variable
            if name in flags.get(section, ()):
                origins[key] = "flag"
    return origins


def _variable(section: str, name: str) -> str:
    return f"{PREFIX}{section}__{name}".upper()


def _refusal(
    details: Sequence[ErrorDetails], origins: Mapping[str, str], source: TomlFile
) -> SettingsError:
    """Return everything that is wrong, a line each; first whether there is a file at all."""
    lines = [line for detail in details for line in _in_words(detail, origins, source)]
    is_missing = any(detail["type"] == "missing" for detail in details)
    if is_missing and not source.path.exists():
        return SettingsError(
            "\n".join([f"there is no settings file {source.path} in {Path.cwd()}", *lines]),
            hint=f"`driftgauge init` writes {source.path} with every setting and what it means; "
            "`-c FILE` names another file",
        )
    hint = "`driftgauge init sample.toml` writes a file that explains every setting"
    return SettingsError("\n".join(lines), hint=hint if is_missing else None)


def _in_words(detail: ErrorDetails, origins: Mapping[str, str], source: TomlFile) -> Iterator[str]:
    """Give one validation error, or each contradiction, as *where: what, got, what to do*."""
    section, name = (*(str(part) for part in detail["loc"]), "", "")[:2]
    key = f"{section}.{name}" if name else section
    where = origins.get(key, "default")
    if where == "default":
        where = f"{source.path}:{source.lines[section]}" if section in source.lines else "settings"
    reason = detail["msg"].removeprefix("Value error, ")
    inner = [str(part) for part in detail["loc"][2:]]
    if inner and inner[0].isdigit():  # one of several tables, such as [[notify.routes]]
        key = f"{key}[{inner[0]}]" + "".join(f".{part}" for part in inner[1:])
    if detail["type"] == "extra_forbidden":
        unknown = f"{key} is not a setting" if inner else _unknown(section, name)
        yield f"{where}: {unknown}"
    elif detail["type"] == "missing":
        for missing in [name] if name else _required(section):
            setting, variable = f"{section}.{missing}", _variable(section, missing)
            yield f"{setting} is not set; set it in {source.path} or as {variable}"
    elif not key:
        yield from (f"{where}: {problem}" for problem in reason.splitlines())
    elif detail["type"] == "value_error" or name in secret_names().get(section, ()):
        yield f"{where}: {key}: {reason}"
    else:
        yield f"{where}: {key} = {detail['input']!r}: {reason}"


def _required(section: str) -> list[str]:
    fields = sections()[section].model_fields
    return [name for name, field in fields.items() if field.is_required()]
