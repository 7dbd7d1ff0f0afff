"""Everything that ``driftgauge run`` needs, built from the settings."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from driftgauge.detector import NotFitted
from driftgauge.storage import Store

from ..clock import SystemClock
from ..errors import SourceBroken
from ..jobs.jobs import JobTools
from ..jobs.presence import Presence, agent_name
from ..jobs.sent_taps_watch import SentTapsWatch
from ..log import action
from ..loop.loop import AgentLoop
from ..model.batch_size import choose_batch, scoring_seconds
from ..model.load import LoadedModel
from ..ports import Scorer
from ..promote.detector_watch import DetectorWatch, Loop
from ..promote.monitors import Monitors
from ..settings.load import Settings
from ..stream.dead_letter import KafkaDeadLetters
from ..stream.group_owner import GroupOwner
from ..stream.kafka import KafkaSource
from ..telemetry import Metrics
from .decode import build_decode_ports
from .detectors import DetectorLoader
from .kafka import build_connection, build_source
from .keep import build_kept_upkeep
from .loop import build_loop_settings
from .model import build_model
from .monitor import build_silence_watch
from .notify import build_delivery, build_heartbeat
from .retrain import build_trial

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agent:
    """A loop and what the jobs beside it work with.

    Attributes:
        tools: of the jobs of `JOBS`. Close its delivery after they have ended, and let its presence
            leave.
        about: what it runs, in words: stream, topic, detector and so on.
    """

    loop: AgentLoop
    tools: JobTools
    about: Mapping[str, str]


def build_agent(
    settings: Settings,
    store: Store,
    *,
    stop: threading.Event,
    metrics: Metrics,
    accept_new_topic: bool = False,
) -> Agent:
    """Build everything that ``driftgauge run`` needs.

    Args:
        metrics: receives each batch and each flush, and results of jobs.
        accept_new_topic: read a topic that was deleted and recreated, from its first message.

    Raises:
        NotFitted: the stream has no active detector.
        SettingsError, DetectorError, StorageError, SourceUnavailable: with what to do.
    """
    stream = settings.stream
    store.ensure_stream(stream.name, stream.topic, settings.windows.seconds, alpha=stream.alpha)
    active = store.active_detector(stream.name)
    if active is None:
        raise NotFitted(f"stream {stream.name!r} has no detector in this database")
    loaded = build_model(settings)
    _tell_model(loaded)
    loader = DetectorLoader(settings, store, loaded)
    first = loader.prepare(active)  # a fault is told now, not at the first event
    clock = SystemClock()
    max_images = _batch_size(settings, first.scorer)
    source, dead_letters = build_ends(settings, store, accept_new_topic=accept_new_topic)
    loop = AgentLoop(
        source=source,
        dead_letters=dead_letters,
        scorer=first.scorer,
        store=store,
        clock=clock,
        settings=build_loop_settings(
            settings, first.taps, first.keep, first.classes, max_images=max_images
        ),
        stop=stop,
        ports=build_decode_ports(settings),
        listener=metrics.hear,
    )
    about = {
        "stream": stream.name,
        "topic": stream.topic,
        "detector": active.detector,
        "layers": str(len(first.scorer.columns) - 1),
        "device": str(loaded.device),
        "precision": loaded.identity.precision,
        "batch": str(max_images),
    }
    name = agent_name()
    presence = Presence(store, loop.status, clock, name=name, stream=stream.name)
    watch = DetectorWatch(
        store,
        Loop(loop.status, loop.change_detector),
        clock,
        stream=stream.name,
        current=active.detector,
        prepare=loader.prepare,
        tell=presence.tell,
    )
    presence.ask_problem(lambda: watch.problem)
    sent_taps = SentTapsWatch(store, loop.status, clock, agent=name, stream=stream.name)
    presence.ask_sent_taps(lambda: sent_taps.problem)
    tools = JobTools(
        agent=name,
        settings=settings,
        store=store,
        clock=clock,
        metrics=metrics,
        monitors=Monitors(store, stream.name, loader.monitor),
        watch=watch,
        trial=build_trial(settings, store),
        silence=build_silence_watch(settings, store, active.detector),
        power=loader.power,
        delivery=build_delivery(settings, store),
        presence=presence,
        sent_taps=sent_taps,
        heartbeat=build_heartbeat(settings),
        kept_upkeep=build_kept_upkeep(settings, store),
    )
    return Agent(loop, tools, about)


def _tell_model(loaded: LoadedModel) -> None:
    if (chosen := loaded.preprocessing) is not None:
        log.info(
            "model %s on %s; preprocessing (%s): %s",
            *(loaded.name, loaded.device, chosen.origin, chosen.summary),
            extra=action("model_loaded", model=loaded.name, preprocessing=chosen.summary),
        )
    for note in loaded.notes:
        log.warning("%s", note, extra=action("model_note", model=loaded.name))


def _batch_size(settings: Settings, scorer: Scorer) -> int:
    """Return the size of a batch, measured unless it is set."""
    wanted = settings.batch.max_images
    if wanted != "auto":
        return wanted
    longest = settings.batch.max_delay_seconds
    choice = choose_batch(scoring_seconds(scorer), longest_seconds=longest)
    log.info("%s", choice, extra=action("batch_chosen", images=choice.max_images))
    return choice.max_images


def build_ends(
    settings: Settings, store: Store, *, accept_new_topic: bool = False
) -> tuple[KafkaSource, KafkaDeadLetters]:
    """The topic is looked for first: a mistyped name makes no dead-letter topic."""
    name, topic = settings.stream.name, settings.stream.topic
    source = build_source(
        settings,
        first_partitions=partial(store.first_partitions, name),
        owner=GroupOwner(store.database_id(), name),
    )
    try:
        if accept_new_topic:
            _accept(store, name, topic, source.topic_id())
        dead_letters = KafkaDeadLetters(
            build_connection(settings),
            topic=settings.kafka.dead_letter_topic,
            max_message_bytes=settings.batch.max_message_bytes,
        )
    except BaseException:
        source.close()
        raise
    return source, dead_letters


def _accept(store: Store, stream: str, topic: str, topic_id: str | None) -> None:
    if topic_id is None:
        raise SourceBroken(
            f"the broker returns no id of topic {topic}, so a recreated topic cannot be detected",
            hint="set another stream name in [stream]",
        )
    n_partitions = store.accept_topic(stream, topic, topic_id)
    if not n_partitions:
        return
    log.warning(
        "topic %s is taken as new, from its first message: the offsets of %s partitions of the one "
        "before are dropped, what was counted of it stays",
        *(topic, n_partitions),
        extra=action("topic_accepted", topic=topic, topic_id=topic_id),
    )
