"""The checks in their order; to add one, write its function and give it a row."""

from __future__ import annotations

from .broker_checks import (
    check_broker,
    check_message_clock,
    check_messages,
    check_permissions,
    check_segments,
    check_topic,
)
from .database_checks import check_database, check_database_clock
from .examine import Check
from .host_checks import check_disk, check_settings
from .model_checks import check_detector, check_fit, check_model
from .receiver_checks import check_receivers

CHECKS = (
    Check("settings", check_settings),
    Check("disk", check_disk),
    Check("broker", check_broker, seconds=30),
    Check("topic", check_topic, ("broker",)),
    Check("permissions", check_permissions, ("topic",)),
    Check("messages", check_messages, ("topic",), seconds=60),
    Check("segments", check_segments, ("messages",)),
    Check("message clock", check_message_clock, ("messages",)),
    Check("database", check_database, seconds=30),
    Check("database clock", check_database_clock, ("database",)),
    Check("model", check_model, seconds=120),
    Check("detector", check_detector, ("database",)),
    Check("receivers of alerts", check_receivers),
    Check("detector fits model", check_fit, ("model", "detector"), seconds=120),
)
