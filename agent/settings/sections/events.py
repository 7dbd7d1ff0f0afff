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
    """"auto" tells it by content type and first bytes; or only "image" (JPEG, PNG, WebP,
    HEIC, AVIF), "cloudevents" (structured JSON), "json" (a picture in a field), "inference" (what
    KServe and Seldon log), "registry" (Avro or Protobuf in a schema registry's framing)."""
    image_field: str = Field(default="", max_length=200, examples=["payload.picture"])
    """Field with the picture in JSON, Avro and Protobuf messages, as base64, bytes or an address;
    a dotted path, or the name of a V2 input. Empty looks for the usual names."""
    time_field: str = Field(default="", max_length=200, examples=["payload.taken_at"])
    """Field with the event's time: RFC 3339, or seconds or milliseconds since 1970. Empty takes the
    CloudEvents time, else the record's."""
    id_field: str = Field(default="", max_length=200, examples=["payload.frame_id"])
    """Field with the event's id. Empty takes the CloudEvents id, else the record's place."""
    tensor_layout: ChannelLayout = "auto"
    """Where pixel values have their channels: last ("hwc"), first ("chw"), or no axis for them,
    grey ("hw"). "auto" takes the last axis when it has 1, 3 or 4 values, else the first; whether
    three axes are colours or several grey pictures is decided by the first message."""
    tensor_range: ValueRange = "auto"
    """What black and white are. "auto" takes integer types as 0-255, or as bit_depth says, and
    lets the first message with larger values or with fractions decide for all others."""
    exif_orientation: ExifOrientation = "ignore"
    """Whether a picture is turned as its EXIF says ("apply"), or scored as stored ("ignore"), as
    Pillow, torchvision and TensorFlow decode it; OpenCV's imread and DALI turn it. It must be what
    the model gets."""
    bit_depth: int | None = Field(default=None, ge=8, le=16, examples=[12])
    """Bits that pixels in 16-bit words have, such as 12 for a 12-bit camera, in PNG and in tensors;
    their upper 8 are scored. Unset means all 16, with a warning where fewer are in use."""
    max_images_per_message: int = Field(default=MAX_IMAGES_PER_MESSAGE, ge=1, le=1024)
    """Requests with more pictures than this go to the dead letters."""
    fetch_allow: Words = ()
    """Addresses whose pictures may be fetched: "https://host/folder/", "file:///folder/",
    "s3://bucket/folder/". A message may name only what lies below one of them; empty allows
    none."""
    fetch_networks: Words = ()
    """Private networks that a fetch may reach, such as "10.20.0.0/16"; others are refused even
    where the address is allowed."""
    fetch_timeout_seconds: float = Field(default=FETCH_TIMEOUT_SECONDS, gt=0, le=60)
    """Seconds that one try of a fetch may take in all."""
    fetch_tries: int = Field(default=FETCH_TRIES, ge=1, le=10)
    """Tries of a fetch whose other side is away; then the message goes to the dead letters."""
    fetch_max_bytes: int = Field(default=MAX_FETCHED_BYTES, ge=1024, le=256 * MIB)
    """Larger files are refused."""
    fetch_ca_file: Path | None = Field(default=None, examples=["/etc/ssl/images-ca.pem"])
    """PEM file of the authority that signed the https hosts' certificates; unset means the
    system's."""
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
