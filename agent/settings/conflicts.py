"""What settings may not say together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from driftgauge.storage import ALPHAS

from ..events.segment import PREDICTED_CLASS, segment_name

if TYPE_CHECKING:
    from .load import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MIN_WINDOWS_BETWEEN_ALARMS = 20
OAUTH = "OAUTHBEARER"


def contradictions(settings: Settings) -> list[str]:
    """Return what contradicts, in words with both values."""
    model, kafka, windows = settings.model, settings.kafka, settings.windows
    flush, batch, monitor = settings.flush, settings.batch, settings.monitor
    store = settings.store
    calibrate_by = settings.detector.calibrate_by
    names = [segment_name(source) for source in settings.stream.segments]
    between = monitor.false_alarms.seconds_between / windows.seconds
    checks = {
        "model.source or model.factory must be set, and not both; got "
        f"source = {model.source!r} and factory = {model.factory!r}": (
            (model.source is None) != (model.factory is None)
        ),
        f"stream.alpha = {settings.stream.alpha} is not an edge of the p-value histogram; "
        f"take one of {', '.join(f'{alpha:g}' for alpha in ALPHAS)}": (
            settings.stream.alpha in ALPHAS
        ),
        f"stream.segments = {list(settings.stream.segments)} has a duplicate": (
            len(set(names)) == len(names)
        ),
        f"detector.calibrate_by = {calibrate_by!r} must be one of stream.segments = {names} but "
        f"{PREDICTED_CLASS}, which is known only after scoring": (
            calibrate_by in {"", *names} - {PREDICTED_CLASS}
        ),
        f"kafka.dead_letter_topic = {kafka.dead_letter_topic!r} is the topic that is watched; "
        "dead letters would be read again": kafka.dead_letter_topic != settings.stream.topic,
        f"kafka.heartbeat_interval_seconds = {kafka.heartbeat_interval_seconds:g} must be at most "
        f"a third of kafka.session_timeout_seconds = {kafka.session_timeout_seconds:g}": (
            3 * kafka.heartbeat_interval_seconds <= kafka.session_timeout_seconds
        ),
        f"store.keep_windows_days = {store.keep_windows_days:g} is shorter than monitor.learn = "
        f"{monitor.learn.total_seconds() / 86400:g} days and a day, and a baseline is learnt from "
        "windows": store.keep_windows_days >= monitor.learn.total_seconds() / 86400 + 1,
        "store.keep_hours_days and store.keep_days_days must not be shorter than the finer level: "
        f"got {store.keep_windows_days:g}, {store.keep_hours_days:g}, {store.keep_days_days:g}": (
            store.keep_windows_days
            <= (store.keep_hours_days or math.inf)
            <= (store.keep_days_days or math.inf)
        ),
        "retrain.fit_on_new_model = true needs keep.taps = true: a first detector is fitted from kept taps": (
            settings.keep.taps or not settings.retrain.fit_on_new_model
        ),
        f"retrain.fit_on_new_model = true and keep.keep_days = {settings.keep.keep_days:g} is shorter than "
        f"monitor.learn = {monitor.learn.total_seconds() / 86400:g} days and a day: what is kept would never span "
        "enough for a first detector": (
            not settings.retrain.fit_on_new_model
            or settings.keep.keep_days >= monitor.learn.total_seconds() / 86400 + 1
        ),
        f"kafka.fetch_max_bytes = {kafka.fetch_max_bytes} must be at least "
        f"batch.max_message_bytes = {batch.max_message_bytes}, or large messages never arrive": (
            kafka.fetch_max_bytes >= batch.max_message_bytes
        ),
        f"kafka.max_batch_bytes = {kafka.max_batch_bytes} must be at least "
        f"batch.max_message_bytes = {batch.max_message_bytes}, or a large compressed message is "
        "left out": kafka.max_batch_bytes >= batch.max_message_bytes,
        f"kafka.security_protocol = {kafka.security_protocol!r} and kafka.sasl_mechanism = "
        f"{kafka.sasl_mechanism!r} do not match: a mechanism is needed with SASL_PLAINTEXT "
        "and SASL_SSL, and only there": (
            kafka.security_protocol.startswith("SASL") == (kafka.sasl_mechanism is not None)
        ),
        f"monitor.idle_seconds = {monitor.idle_seconds:g} must be at least twice "
        f"flush.interval_seconds = {flush.interval_seconds:g}, or a busy segment looks idle "
        "between two flushes": monitor.idle_seconds >= 2 * flush.interval_seconds,
        f"monitor.false_alarms = '{monitor.false_alarms}' is one in {between:.3g} windows of "
        f"windows.seconds = {windows.seconds}; a test needs at least "
        f"{_MIN_WINDOWS_BETWEEN_ALARMS} windows between false alarms": (
            between >= _MIN_WINDOWS_BETWEEN_ALARMS
        ),
        f"retrain.schedule = {settings.retrain.schedule!r} and retrain.every = "
        f"{settings.retrain.every!r} are set; take one": (
            not (settings.retrain.schedule and settings.retrain.every)
        ),
        f"retrain.schedule = {settings.retrain.schedule!r} must have five fields: minute, hour, day of "
        "month, month, day of week": len(settings.retrain.schedule.split()) in (0, 5),
        "retrain.schedule or retrain.every is set and keep.taps = false: there would be nothing to learn "
        "from": settings.keep.taps or not (settings.retrain.schedule or settings.retrain.every),
        f"monitor.learn = '{monitor.learn}' is shorter than windows.seconds = {windows.seconds}": (
            monitor.learn.total_seconds() >= windows.seconds
        ),
    }
    checks |= _logins(settings)
    return [problem for problem, holds in checks.items() if not holds]


def _logins(settings: Settings) -> dict[str, bool]:
    """Return what each way to log in needs, and whether it is there."""
    kafka = settings.kafka
    mechanism, url = kafka.sasl_mechanism, kafka.oauth_token_url
    client = kafka.oauth_client_id, kafka.oauth_client_secret
    return {
        f"kafka.sasl_mechanism = {mechanism!r} needs kafka.username and kafka.password; "
        f"got username = {kafka.username!r} and {'a' if kafka.password else 'no'} password": (
            mechanism in (None, OAUTH) or (bool(kafka.username) and kafka.password is not None)
        ),
        f"kafka.sasl_mechanism = {OAUTH!r} needs kafka.oauth_token_url, kafka.oauth_client_id and "
        f"kafka.oauth_client_secret; got oauth_token_url = {url!r}, oauth_client_id = "
        f"{client[0]!r} and {'a' if client[1] else 'no'} secret": (
            mechanism != OAUTH or (bool(url) and all(client))
        ),
        f"kafka.oauth_token_url = {url!r} would send the client's secret unencrypted; "
        "use https://, or an address of this machine": (
            url is None or url.startswith("https://") or urlsplit(url).hostname in _LOOPBACK
        ),
    }
