"""The sections of ``driftgauge.toml``: every setting, its meaning, unit, bound and default."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr

from .durations import FalseAlarmBudget, duration_in_words, parse_budget, parse_duration

MIB = 1024 * 1024


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [word.strip() for word in value.split(",") if word.strip()]


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _budget(value: object) -> object:
    return parse_budget(value) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
"""A list; in the environment ``a,b`` or JSON."""

Duration = Annotated[
    timedelta, BeforeValidator(_duration), PlainSerializer(duration_in_words, return_type=str)
]
Budget = Annotated[
    FalseAlarmBudget, BeforeValidator(_budget), PlainSerializer(str, return_type=str)
]


class Section(BaseModel):
    """What all sections share: frozen, unknown names refused, fields documented where they are."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )


class StreamSection(Section):
    """The topic to watch, and how to slice it."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", examples=["camera-frames"])
    """What the database and the alerts call this stream: letters, digits, dots, dashes."""
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$", examples=["camera-frames"])
    """The Kafka topic that carries the images your model serves."""
    segments: Words = ("camera",)
    """What slices the stream; each value is watched on its own ("camera=3"). A name is a message
    header or a CloudEvents extension; "json:site.line" a field of a JSON, Avro or Protobuf message;
    "predicted_class" and "model_version" are what the message says of the model's answer, and
    without that the class that the model gives the image here."""
    alpha: float = Field(default=0.01, gt=0, le=0.1)
    """An image counts as out of distribution when its p-value is at most this; an edge of the
    histogram: 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.05 or 0.1."""


class KafkaSection(Section):
    """How to reach the broker."""

    bootstrap_servers: Words = Field(default=("localhost:9092",), min_length=1)
    """Brokers to ask first, each "host:port"."""
    group_id: str = Field(default="", examples=["driftgauge-camera-frames"])
    """Consumer group; empty means "driftgauge-" and the stream's name."""
    profile: Literal["standard", "embedded"] = "standard"
    """"embedded" suits the demo's own broker only: short sessions, one record a batch."""
    auto_offset_reset: Literal["latest", "earliest"] = "latest"
    """Where to begin when the database knows no offset. A partition that is added to the topic while
    the agent runs is read from its first record in either case."""
    dead_letter_topic: str = Field(default="", examples=["camera-frames.dlq"])
    """Where undecodable messages go; empty means the topic's name and ".dlq"."""
    session_timeout_seconds: float = Field(default=45, ge=1, le=1800)
    """Silence, in seconds, after which the broker gives this agent's partitions away
    (2.5 in the embedded profile)."""
    heartbeat_interval_seconds: float = Field(default=3, ge=0.1, le=600)
    """Seconds between heartbeats; at most a third of session_timeout_seconds (0.3 in the embedded
    profile)."""
    fetch_max_bytes: int = Field(default=8 * MIB, ge=65536, le=64 * MIB)
    """Bytes that one fetch may bring; bounds the memory that waiting messages take."""
    bootstrap_timeout_seconds: float = Field(default=30, gt=0, le=600)
    """Seconds that a first answer of the broker may take."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the connection is secured."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = (
        Field(default=None, examples=["SCRAM-SHA-512"])
    )
    """How to log in, with SASL_PLAINTEXT or SASL_SSL."""
    username: str | None = Field(default=None, examples=["driftgauge"])
    """Name to log in with, for PLAIN and SCRAM."""
    password: SecretStr | None = Field(default=None, examples=["PASSWORD"])
    """Password to log in with; better given as DRIFTGAUGE_KAFKA__PASSWORD, or as password_file,
    than written here."""
    ca_file: Path | None = Field(default=None, examples=["/etc/ssl/kafka-ca.pem"])
    """PEM file of the authority that signed the broker's certificate."""
    certificate_file: Path | None = Field(default=None, examples=["/etc/ssl/driftgauge.pem"])
    """PEM file of this agent's own certificate, where the broker asks for one."""
    key_file: Path | None = Field(default=None, examples=["/etc/ssl/driftgauge.key"])
    """PEM file of that certificate's key."""
    key_password: SecretStr | None = Field(default=None, examples=["PASSWORD"])
    """Password of key_file, if it has one."""
    oauth_token_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/@]+(/\S*)?$",
        examples=["https://login.internal/oauth2/token"],
    )
    """Where OAUTHBEARER gets its tokens, by client credentials."""
    oauth_client_id: str | None = Field(default=None, examples=["driftgauge"])
    """This agent's name there."""
    oauth_client_secret: SecretStr | None = Field(default=None, examples=["SECRET"])
    """Its secret there; better given as DRIFTGAUGE_KAFKA__OAUTH_CLIENT_SECRET, or as
    oauth_client_secret_file, than written here."""
    oauth_scope: str | None = Field(default=None, examples=["kafka"])
    """Scope to ask for, if the token endpoint wants one."""
    oauth_ca_file: Path | None = Field(default=None, examples=["/etc/ssl/login-ca.pem"])
    """PEM file of the authority that signed the token endpoint's certificate; unset means the
    system's authorities."""
    oauth_extensions: Words = Field(default=(), examples=[["logicalCluster=lkc-1"]])
    """SASL extensions to send with the token, each "name=value"; some hosted brokers want them."""


class ModelSection(Section):
    """The production model whose layers are tapped. Set source or factory."""

    source: str | None = Field(
        default=None, pattern=r"^timm:.+", examples=["timm:tf_efficientnet_lite0"]
    )
    """A timm model, "timm:NAME"."""
    factory: str | None = Field(
        default=None, pattern=r"^[\w.]+:\w+$", examples=["my_package.my_module:build_model"]
    )
    """Your own model: "package.module:function" that returns an nn.Module, or a pair of it and
    the transform it wants, which is called in several threads at once."""
    checkpoint: Path | None = Field(default=None, examples=["weights/model.safetensors"])
    """A file with the model's weights (a state dict)."""
    class_names: Path | None = Field(default=None, examples=["weights/classes.txt"])
    """A file with the names of the model's classes in the order of its output, one a line; for the
    segment "predicted_class". Unset means that classes are named by number."""
    image_size: int | None = Field(default=None, ge=16, le=2048, examples=[224])
    """Side of the square that images are brought to, in pixels; unset means the model's own."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """Where the model runs: "auto", "cpu", "cuda", "cuda:1", "mps"."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the model's matrix products; the detector is calibrated in the same one."""


class BatchSection(Section):
    """How messages are decoded and joined to batches."""

    max_images: int = Field(default=16, ge=1, le=4096)
    """Images that one forward pass takes at most."""
    max_delay_seconds: float = Field(default=0.5, gt=0, le=60)
    """How long, in seconds, an image may wait for its batch to fill."""
    sample_above_lag_seconds: float | None = Field(default=None, ge=10, le=86400, examples=[60])
    """Seconds behind the topic beyond which only a sample of the messages is scored: one in two
    when it is up to twice as far behind, one in three, and so on; unset means all are scored."""
    sample_one_in_at_most: int = Field(default=20, ge=2, le=1000)
    """However far behind, one message in so many is scored."""
    decode_threads: int = Field(default=2, ge=1, le=64)
    """Threads that decode images and make them the model's input."""
    max_image_pixels: int = Field(default=50_000_000, ge=1024, le=1_000_000_000)
    """Images with more pixels than this go to the dead letters undecoded."""
    max_image_aspect: float = Field(default=100.0, ge=1, le=65535)
    """Images with one side more than so many times the other go to the dead letters: scaled for the
    model, they would fill the memory."""
    max_message_bytes: int = Field(default=8 * MIB, ge=1024, le=64 * MIB)
    """Messages with more bytes than this go to the dead letters undecoded."""


class DetectorSection(Section):
    """The detector that `driftgauge fit` writes and `driftgauge run` reads."""

    path: Path = Path("detector")
    """Folder of the fitted detector."""
    layers: Words = ()
    """Names of the model's layers to tap; empty means one per stage, chosen automatically."""
    method: Literal["combined", "diffusion", "mahalanobis", "pca", "neighbours"] = "combined"
    """What `driftgauge fit` fits: layer-wise diffusion and Mahalanobis distance together, either
    alone, or a cheaper rival. `fit` compares them on your own images and says which it would use."""
    calibrate_by: str = Field(default="", examples=["camera"])
    """A segment, such as "camera": each of its values with at least 500 held-out reference images
    is ranked among its own, so that a lively camera counts as many images unusual as a dull one;
    the rest, and all where this is empty, are ranked among all."""
    normaliser: Literal["sample", "both", "dataset"] = "sample"
    """How taps are brought to one scale: each image by its own level in each layer, the same with
    the level kept beside, or each channel by the reference alone."""


class WindowsSection(Section):
    """How event time is cut into windows."""

    seconds: int = Field(default=60, ge=1, le=86400)
    """Length of a window, in seconds of event time; fixed once a stream has data."""
    max_skew_seconds: float = Field(default=300, ge=0, le=86400)
    """An event dated more than this many seconds ahead of the clock counts at its arrival."""


class FlushSection(Section):
    """How often counts reach the database."""

    interval_seconds: float = Field(default=5, gt=0, le=600)
    """Seconds between two flushes."""


class EvidenceSection(Section):
    """Images kept to show a person."""

    thumbnails: Literal["keep", "blur", "none"] = "keep"
    """"keep" stores small pictures, "blur" makes people unrecognisable, "none" stores none."""
    per_window: int = Field(default=3, ge=0, le=100)
    """Most unusual events kept per segment and window; 0 keeps none."""
    keep_days: float = Field(default=30, gt=0, le=3650)
    """Days after which evidence is deleted."""
    max_bytes: int = Field(default=1024 * MIB, ge=0)
    """Bytes of thumbnails kept per stream; the oldest go first."""


class MonitorSection(Section):
    """When to tell a person."""

    false_alarms: Budget = parse_budget("1 per 30 days")
    """False alarms that you accept over all segments of the stream, in words."""
    interval_seconds: float = Field(default=10, gt=0, le=3600)
    """Seconds between two looks at the closed windows."""
    grace_seconds: float = Field(default=10, ge=0, le=86400)
    """Seconds of event time to wait for late events before a window is judged."""
    idle_seconds: float = Field(default=60, gt=0, le=86400)
    """A partition that brought nothing for this many seconds is not waited for."""
    recovery_windows: int = Field(default=5, ge=1, le=1000)
    """Quiet windows in a row that resolve an alert."""
    learn: Duration = timedelta(days=1)
    """How long a segment that the reference does not cover is learnt before it can alert."""


class StoreSection(Section):
    """The database: SQLite to begin with, PostgreSQL for production."""

    url: SecretStr = Field(
        default=SecretStr("sqlite:///driftgauge.db"),
        examples=["postgresql://driftgauge:PASSWORD@db.internal/driftgauge"],
    )
    """Database address; its password is never printed or logged."""

    def masked_url(self) -> str:
        """Return the address with its password hidden."""
        return masked_url(self.url.get_secret_value())


class HttpSection(Section):
    """Metrics and health for those who watch the agent: /metrics, /healthz, /readyz."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. "0.0.0.0" lets other machines read it; there is no login, and no picture
    or secret in it."""
    port: int = Field(default=9464, ge=0, le=65535)
    """Port to listen on; 0 listens nowhere."""
    required: bool = False
    """What happens when the port is taken: false goes on without, with a warning; true ends the
    agent."""


class LogSection(Section):
    """What the agent writes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe line written."""
    format: Literal["text", "json"] = "text"
    """"text" for people, "json" (an object a line) for machines."""


def masked_url(url: str) -> str:
    """Return *url* with its password hidden.

    >>> masked_url("postgresql://me:secret@db:5432/drift")
    'postgresql://me:***@db:5432/drift'
    >>> masked_url("sqlite:///driftgauge.db")
    'sqlite:///driftgauge.db'
    >>> masked_url("what is this")
    '***'
    """
    url = re.sub(r"(password=)[^&]*", r"\1***", url)
    parts = urlsplit(url)
    if not parts.scheme:
        return "***"
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}"))
