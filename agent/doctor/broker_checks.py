"""Checks of the broker, the topic and what is in it."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from ..clock import SystemClock
from ..errors import EventError
from ..events.decode import decode_record
from ..events.segment import PREDICTED_CLASS, segment_name
from ..stream.cluster_view import ClusterView, TopicView, look_at_cluster, newest_records
from ..stream.connection import KafkaConnection
from ..wiring.decode import build_decode_ports, build_decode_settings
from ..wiring.kafka import build_connection
from .diagnosis import Diagnosis, doubtful, failed, fine
from .patient import Patient

SAMPLE = 20
"""Messages that are decoded."""

_ANSWER_SECONDS = 10.0


def check_broker(patient: Patient) -> Diagnosis:
    """Can the broker be reached, and does it let us in?"""
    kafka, topic = patient.settings.kafka, patient.settings.stream.topic
    connection = _connection(patient)
    patient.cluster = look_at_cluster(connection, [topic, kafka.dead_letter_topic], kafka.group_id)
    n = patient.cluster.brokers
    return fine(f"{', '.join(kafka.bootstrap_servers)} answers: {n} broker{'s' * (n != 1)}")


def check_topic(patient: Patient) -> Diagnosis:
    """Does the topic exist, and has each partition a leader?"""
    cluster, topic = _seen(patient), patient.settings.stream.topic
    view = cluster.topics[topic]
    if not view.partitions:
        near = difflib.get_close_matches(topic, cluster.names, n=1)
        hint = (
            f"did you mean {near[0]!r}? Set stream.topic"
            if near
            else "create it, or set stream.topic"
        )
        return failed(f"topic {topic!r} does not exist, or this user may not see it", hint)
    if view.leaderless:
        return doubtful(
            f"{view.leaderless} of {view.partitions} partitions of {topic} have no leader now",
            "look at the brokers",
        )
    return fine(f"{topic} has {view.partitions} partition{'s' * (view.partitions != 1)}")


def check_permissions(patient: Patient) -> Diagnosis:
    """May this user read the topic, join the group and write dead letters?"""
    cluster, settings = _seen(patient), patient.settings
    topic, letters = settings.stream.topic, settings.kafka.dead_letter_topic
    missing = [
        *_lacking(f"topic {topic}", cluster.topics[topic].allowed, "READ", "DESCRIBE"),
        *_lacking(f"group {settings.kafka.group_id}", cluster.group, "READ", "DESCRIBE"),
        *_lacking_for_letters(letters, cluster.topics[letters], cluster),
    ]
    if missing:
        return failed(
            f"not allowed: {'; '.join(missing)}", "add these permissions to the broker's ACLs"
        )
    if cluster.topics[topic].allowed is None:
        return doubtful("the broker does not return this user's permissions")
    return fine(f"may read {topic}, join the group and write to {letters}")


def _lacking_for_letters(name: str, view: TopicView, cluster: ClusterView) -> list[str]:
    if view.partitions:
        return _lacking(f"topic {name}", view.allowed, "WRITE", "DESCRIBE")
    # A topic that is not there cannot tell who may make it; the whole cluster's right would do.
    allowed = None if cluster.allowed is None else cluster.allowed | (view.allowed or frozenset())
    return _lacking(f"topic {name}, which does not exist yet", allowed, "CREATE")


def _lacking(what: str, allowed: frozenset[str] | None, *wanted: str) -> list[str]:
    if allowed is None or "ALL" in allowed:
        return []
    return [f"{operation.lower()} on {what}" for operation in wanted if operation not in allowed]


def check_messages(patient: Patient) -> Diagnosis:
    """Can the newest messages be decoded?"""
    topic = patient.settings.stream.topic
    patient.records = newest_records(_connection(patient), topic, SAMPLE)
    if not patient.records:
        return doubtful(f"{topic} has no messages now", "send some, and run the check again")
    settings = build_decode_settings(patient.settings)
    ports = build_decode_ports(patient.settings)
    events, faults, found = 0, Counter[str](), Counter[str]()
    for record in patient.records:
        try:
            decoded = decode_record(record, settings, ports, arrived_at=SystemClock().now())
        except EventError as error:
            faults[f"{type(error).__name__}: {error}"] += 1
            continue
        if isinstance(decoded, tuple):
            events += len(decoded)
            found.update(name for event in decoded for name in event.segments)
    patient.headers = dict(found)
    return _told(len(patient.records), events, faults)


def _told(n_records: int, n_events: int, faults: Counter[str]) -> Diagnosis:
    n_faults = sum(faults.values())
    words = f"{n_records - n_faults} of the {n_records} newest messages decoded: {n_events} images"
    if not faults:
        return fine(words)
    commonest = faults.most_common(1)[0][0]
    advice = f"these go to the dead-letter topic: {commonest}"
    return (doubtful if n_events else failed)(words, advice)


def check_segments(patient: Patient) -> Diagnosis:
    """Do the messages have what stream.segments slices by?"""
    wanted = [segment_name(source) for source in patient.settings.stream.segments]
    told = [name for name in wanted if name != PREDICTED_CLASS]  # that one the model gives
    missing = [name for name in told if name not in patient.headers]
    if not patient.records:
        return doubtful("no message to check")
    if missing:
        seen = sorted({name for record in patient.records for name, _ in record.headers})
        return failed(
            f"none of {len(patient.records)} messages has {', '.join(missing)}",
            f"their headers: {', '.join(seen) or 'none'}. Set stream.segments, or send the header",
        )
    return fine(f"found in messages: {', '.join(told)}" if told else "nothing to find")


def check_message_clock(patient: Patient) -> Diagnosis:
    """Are messages dated by a clock that agrees with ours?"""
    dated = [record.timestamp_ms for record in patient.records if record.timestamp_ms >= 0]
    if not dated:
        return doubtful("no dated message to compare with")
    ahead = max(dated) / 1000 - SystemClock().now().timestamp()
    skew = patient.settings.windows.max_skew_seconds
    newest = datetime.fromtimestamp(max(dated) / 1000, UTC)
    if ahead > skew:
        return failed(
            f"the newest message is dated {ahead:.0f} s ahead of this machine's clock",
            "set one of the two clocks (NTP); events dated ahead are counted at their arrival time",
        )
    return fine(f"the newest message is dated {newest:%Y-%m-%d %H:%M:%S} UTC, {-ahead:.0f} s ago")


def _connection(patient: Patient) -> KafkaConnection:
    connection = build_connection(patient.settings)
    seconds = min(connection.bootstrap_timeout_seconds, _ANSWER_SECONDS)
    return replace(connection, bootstrap_timeout_seconds=seconds)


def _seen(patient: Patient) -> ClusterView:
    if patient.cluster is None:
        raise ValueError("the cluster was not checked before")
    return patient.cluster
