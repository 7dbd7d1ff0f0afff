"""The sections of ``driftgauge.toml``, one per file: each setting, its meaning, unit, bound and default."""

from .batch import BatchSection
from .detector import DetectorSection
from .events import EventsSection
from .evidence import EvidenceSection
from .flush import FlushSection
from .http import HttpSection
from .kafka import KafkaSection
from .keep import KeepSection
from .log import LogSection
from .model import ModelSection
from .monitor import MonitorSection
from .notify import NotifySection
from .retrain import RetrainSection
from .store import StoreSection
from .stream import StreamSection
from .web import WebSection
from .windows import WindowsSection

__all__ = [
    "BatchSection",
    "DetectorSection",
    "EventsSection",
    "EvidenceSection",
    "FlushSection",
    "HttpSection",
    "KafkaSection",
    "KeepSection",
    "LogSection",
    "ModelSection",
    "MonitorSection",
    "NotifySection",
    "RetrainSection",
    "StoreSection",
    "StreamSection",
    "WebSection",
    "WindowsSection",
]
