"""What a digest says: what was watched and what was not, so that a healthy system says so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from driftgauge.storage import BACKLOG_STATES, LIVE_STATES, Store, StreamRecord

from ..alert.wording import percent, subject
from ..drift.monitor_settings import MonitorSettings
from .normal import normal_rates
from .segment_standing import SegmentStanding, segment_standings
from .standing import stream_standing

MOST_NAMED = 5
_UNWATCHED = ("learning", "untested", "waiting", "silent")


def digest_text(
    store: Store, stream: str, settings: MonitorSettings, *, since: datetime, now: datetime
) -> tuple[str, str]:
    """Return the subject and the body of a digest of *stream*."""
    (record,) = [one for one in store.streams() if one.stream == stream]
    standings = segment_standings(store, stream, settings)
    images = _images(store, stream, since)
    raised = store.alerts(stream, since=since)
    answer = stream_standing(store, record)
    title = (
        f"[info] {stream}: {answer.answer}, {images['*']:,} images, {len(raised)} new "
        f"alert{'' if len(raised) == 1 else 's'} since {since:%Y-%m-%d}"
    )
    body = [
        f"{stream} from {since:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC",
        f"State: {answer.answer}" + (f": {answer.why}" if answer.why else ""),
        *_watched(standings, images["*"]),
        *_rates(store, record, since),
        *_alerts(store, stream, since),
        *_troubles(store, stream),
    ]
    return title, "\n".join(body)


def _images(store: Store, stream: str, since: datetime) -> Counter[str]:
    images: Counter[str] = Counter()
    for row in store.rates(stream, period="day", segment="*", since=since):
        images[row.segment] += row.events
    return images


def _watched(standings: Sequence[SegmentStanding], n_images: int) -> Iterator[str]:
    parts = [one for one in standings if one.segment != "*"]
    phases = Counter(one.phase for one in parts)
    counts = ", ".join(f"{n} {phase}" for phase, n in phases.most_common())
    yield f"Watched: {n_images:,} images; segments: {counts or 'none'}"
    for phase in _UNWATCHED:
        found = [one for one in parts if one.phase == phase]
        if found:
            names = ", ".join(subject(one.segment) for one in found[:MOST_NAMED])
            more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            yield f"  {phase}, no drift alert possible: {names}{more} ({found[0].why})"


def _rates(store: Store, record: StreamRecord, since: datetime) -> Iterator[str]:
    """Yield the rates furthest beyond their own normal."""
    normal = normal_rates(store, record.stream)
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in store.rates(record.stream, period="day", since=since):
        sums[row.segment][0] += row.ood_rate * row.represented
        sums[row.segment][1] += row.represented
    rates = {name: ood / n for name, (ood, n) in sums.items() if n}
    worst = sorted(rates, key=lambda name: normal.get(name, record.alpha) - rates[name])
    yield f"Out of distribution (p-value at most {record.alpha:g}):"
    for name in worst[:MOST_NAMED]:
        usual = f", normally {percent(normal[name])}" if name in normal else ""
        yield f"  {subject(name)}: {percent(rates[name])}{usual}"
    if not rates:
        yield "  no image was counted"


def _alerts(store: Store, stream: str, since: datetime) -> Iterator[str]:
    live = store.alerts(stream, states=LIVE_STATES)
    raised = store.alerts(stream, since=since)
    yield f"Alerts: {len(raised)} opened, {len(live)} unresolved"
    for alert in live[:MOST_NAMED]:
        yield f"  {alert.id}: {alert.message}"
    if len(live) > MOST_NAMED:
        yield f"  and {len(live) - MOST_NAMED} more: driftgauge alerts list"


def _troubles(store: Store, stream: str) -> Iterator[str]:
    agents = store.agents(stream)
    letters = sum(agent.dead_letters for agent in agents)
    lags = [agent.lag_messages for agent in agents if agent.lag_messages is not None]
    lag = f"{max(lags):,} messages" if lags else "unknown"
    yield f"Dead letters since the agents started: {letters:,}; lag: {lag}"
    for one in store.notification_counts(stream, BACKLOG_STATES):
        if one.state == "dead":
            yield f"Never delivered to {one.sink}: {one.count} steps of alerts ({one.last_error})"
