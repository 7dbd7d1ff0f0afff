"""The section ``events`` of ``driftgauge.toml``."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from ...errors import EventFetchError
from ...events.format_setting import FormatSetting
from ...events.limits import MAX_IMAGES_PER_MESSAGE
from ...events.pixel_choices import ChannelLayout, ExifOrientation, ValueRange
from ...fetch.address import parse_address
from ...fetch.fetch_limits import FETCH_TIMEOUT_SECONDS, FETCH_TRIES, MAX_FETCHED_BYTES
from ..section import MIB, Section, Words


class EventsSection(Section):
    """What the messages look like. See docs/events.md."""

    format: FormatSetting = "auto"
    """"auto" detects it by content type and first bytes; or only "image" (JPEG, PNG, WebP,
    HEIC, AVIF), "cloudevents" (structured JSON), "json" (a picture in a field), "inference" (what
    KServe and Seldon log), "registry" (Avro or Protobuf in a schema registry's framing)."""
    image_field: str = Field(default="", max_length=200, examples=["payload.picture"])
    """Field with the picture in JSON, Avro and Protobuf messages, as base64, bytes or a URL;
    a dotted path, or the name of a V2 input. If empty, the usual names are tried."""
    time_field: str = Field(default="", max_length=200, examples=["payload.taken_at"])
    """Field with the event's time: RFC 3339, or seconds or milliseconds since 1970. If empty, the
    CloudEvents time is used, else the record's timestamp."""
    id_field: str = Field(default="", max_length=200, examples=["payload.frame_id"])
    """Field with the event's id. If empty, the CloudEvents id is used, else the record's topic,
    partition and offset."""
    tensor_layout: ChannelLayout = "auto"
    """Position of the channel axis of pixel values: last ("hwc"), first ("chw"), or none, for grey
    ("hw"). "auto" uses the last axis if it has 1, 3 or 4 values, else the first; the first message
    decides whether three axes are colours or several grey pictures."""
    tensor_range: ValueRange = "auto"
    """Values of black and white. "auto" reads integer types as 0-255, or as bit_depth says; for
    other types the first message with larger values or with fractions decides."""
    exif_orientation: ExifOrientation = "ignore"
    """Whether a picture is rotated as its EXIF orientation says ("apply"), or scored as stored
    ("ignore"), as Pillow, torchvision and TensorFlow decode it; OpenCV's imread and DALI rotate it.
    It must match what the model gets."""
    bit_depth: int | None = Field(default=None, ge=8, le=16, examples=[12])
    """Bits in use in 16-bit pixels, such as 12 for a 12-bit camera, in PNG and in tensors; the upper
    8 are scored. Unset means all 16, with a warning if fewer are in use."""
    max_images_per_message: int = Field(default=MAX_IMAGES_PER_MESSAGE, ge=1, le=1024)
    """Requests with more pictures than this go to the dead-letter topic."""
    fetch_allow: Words = ()
    """URL prefixes from which pictures may be fetched: "https://host/folder/", "file:///folder/",
    "s3://bucket/folder/". URLs in messages must start with one of them; empty allows none."""
    fetch_networks: Words = ()
    """Private networks that a fetch may reach, such as "10.20.0.0/16"; others are refused even
    if the URL is allowed."""
    fetch_timeout_seconds: float = Field(default=FETCH_TIMEOUT_SECONDS, gt=0, le=60)
    """Time limit of one fetch attempt in seconds."""
    fetch_tries: int = Field(default=FETCH_TRIES, ge=1, le=10)
    """Attempts to fetch from an unreachable server; then the message goes to the dead-letter topic."""
    fetch_max_bytes: int = Field(default=MAX_FETCHED_BYTES, ge=1024, le=256 * MIB)
    """Larger files are refused."""
    fetch_ca_file: Path | None = Field(default=None, examples=["/etc/ssl/images-ca.pem"])
    """PEM file of the authority that signed the https hosts' certificates; unset means the
    system's authorities."""
    registry_url: SecretStr | None = Field(
        default=None, examples=["https://USER:PASSWORD@registry.internal:8081"]
    )
    """Schema registry to ask for schemas; needs the extra avro or protobuf."""

    @field_validator("fetch_allow")
    @classmethod
    def _are_addresses(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                parse_address(value)
            except EventFetchError as error:
                raise ValueError(str(error)) from error
        return values

    @field_validator("fetch_networks")
    @classmethod
    def _are_networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            ip_network(value)
        return values
